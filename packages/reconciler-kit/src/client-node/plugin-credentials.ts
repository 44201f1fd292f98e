import type {RequestOptions} from 'node:https';
import type * as ClientNode from '@kubernetes/client-node';
import {messageOf} from '../connection-error.ts';
import {ReconcilerKitError} from '../errors.ts';
import type {ActiveContext} from './kubeconfig.ts';

/** What a log-in plugin gave: a token, a client certificate, or both. */
export interface PluginCredentials {
  authorization: string | undefined;
  cert: string | undefined;
  key: string | undefined;
}

/** Whether somebody has to be asked for the credentials of a user: a command, or an identity provider. */
export function needsPlugin(active: ActiveContext): boolean {
  return active.user.exec !== undefined || active.user['auth-provider'] !== undefined;
}

async function importClientNode(): Promise<typeof ClientNode> {
  try {
    return await import('@kubernetes/client-node');
  } catch (error) {
    throw new ReconcilerKitError(
      'CONFIG_INVALID',
      'the kubeconfig logs in with a plugin (exec or auth-provider), which needs the package @kubernetes/client-node: install it',
      {cause: error},
    );
  }
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined;
}

function load({KubeConfig}: typeof ClientNode, active: ActiveContext): ClientNode.KubeConfig {
  const kubeConfig = new KubeConfig();
  kubeConfig.loadFromString(
    // JSON is YAML. Only what is in use, with the paths made absolute.
    JSON.stringify({
      'current-context': active.name,
      contexts: [{name: active.name, context: active.context}],
      clusters: [{name: active.context.cluster, cluster: active.cluster}],
      users: [{name: active.context.user, user: active.user}],
    }),
  );
  return kubeConfig;
}

/** Asks the plugin of the active context. client-node caches what it answers until it expires. */
export async function pluginCredentials(
  active: ActiveContext,
): Promise<(options: {refresh: boolean}) => Promise<PluginCredentials>> {
  const clientNode = await importClientNode();
  let kubeConfig = load(clientNode, active);
  return async ({refresh}) => {
    // A new object has an empty cache.
    if (refresh) kubeConfig = load(clientNode, active);
    const options: RequestOptions = {headers: {}};
    try {
      await kubeConfig.applyToHTTPSOptions(options);
    } catch (error) {
      throw new ReconcilerKitError(
        'CONFIG_INVALID',
        `the log-in plugin of context ${JSON.stringify(active.name)} failed: ${messageOf(error)}`,
        {cause: error},
      );
    }
    const headers = options.headers as Record<string, string | undefined>;
    return {authorization: headers.Authorization, cert: asText(options.cert), key: asText(options.key)};
  };
}
