/**
 * Configuration from a kubeconfig, by kubectl's rules. Clusters with tokens and client certificates need nothing but
 * this package; log-in plugins (`exec`, `auth-provider`) are run by `@kubernetes/client-node`, which is only loaded
 * when a context needs it.
 *
 * ```ts
 * import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
 * import {loadKubeconfig} from '@kruntimes/reconciler-kit/client-node';
 *
 * await using transport = new Transport(await loadKubeconfig());
 * const pods = await new Client(transport).kind(kinds.Pod).list({namespace: transport.config.namespace});
 * for (const pod of pods.items) console.log(pod.metadata?.name);
 * ```
 *
 * @module
 */
import {readFile} from 'node:fs/promises';
import {type Clock, systemClock} from '../clock.ts';
import {type ClusterConfig, cachedAuthorization} from '../config.ts';
import {ReconcilerKitError} from '../errors.ts';
import {activeContext, type KubeconfigUser, kubeconfigPaths, readKubeconfig} from './kubeconfig.ts';
import {needsPlugin, pluginCredentials} from './plugin-credentials.ts';

export interface LoadKubeconfigOptions {
  /** One file instead of KUBECONFIG and `~/.kube/config`. */
  path?: string | undefined;
  /** Context instead of the file's `current-context`. */
  context?: string | undefined;
  /** Namespace instead of the context's. */
  namespace?: string | undefined;
  /** Default `process.env`. */
  env?: NodeJS.ProcessEnv;
  clock?: Clock;
}

async function pem(data: string | undefined, path: string | undefined): Promise<string | undefined> {
  if (data !== undefined && data !== '') return Buffer.from(data, 'base64').toString('utf8');
  if (path === undefined || path === '') return undefined;
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ReconcilerKitError('CONFIG_INVALID', `cannot read ${path}, which the kubeconfig names`, {cause: error});
  }
}

function impersonationHeaders(user: KubeconfigUser): Record<string, string | string[]> | undefined {
  const {as, 'as-uid': uid, 'as-groups': groups, 'as-user-extra': extra} = user;
  if (as === undefined || as === '') return undefined;
  return {
    'Impersonate-User': as,
    ...(uid === undefined ? {} : {'Impersonate-Uid': uid}),
    ...(groups === undefined ? {} : {'Impersonate-Group': groups}),
    ...Object.fromEntries(
      Object.entries(extra ?? {}).map(([key, values]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, values]),
    ),
  };
}

/** Credentials that stand in the kubeconfig itself or in a file that it names. */
function staticAuthorization(user: KubeconfigUser, clock: Clock): ClusterConfig['authorization'] {
  const {token, tokenFile, username, password} = user;
  if (tokenFile !== undefined && tokenFile !== '') {
    let last = token ?? '';
    return cachedAuthorization(async () => {
      const read = await readFile(tokenFile, 'utf8').catch(() => '');
      if (read.trim() !== '') last = read.trim();
      return last === '' ? undefined : `Bearer ${last}`;
    }, clock);
  }
  const header =
    token !== undefined && token !== ''
      ? `Bearer ${token}`
      : username !== undefined && username !== ''
        ? `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`
        : undefined;
  return header === undefined ? undefined : () => Promise.resolve(header);
}

/**
 * The configuration of a kubeconfig context: one file given by `path`, else the files of KUBECONFIG merged, else
 * `~/.kube/config`.
 *
 * @throws ReconcilerKitError `CONFIG_INVALID` when there is none, or when something it names is missing.
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
 */
export async function loadKubeconfig(options: LoadKubeconfigOptions = {}): Promise<ClusterConfig> {
  const {env = process.env, clock = systemClock} = options;
  const {paths, required} = kubeconfigPaths(options.path, env);
  const active = activeContext(await readKubeconfig(paths, required), options.context);
  const {cluster, user, context} = active;
  if (cluster['proxy-url'] !== undefined && cluster['proxy-url'] !== '') {
    throw new ReconcilerKitError(
      'CONFIG_INVALID',
      `context ${JSON.stringify(active.name)}: proxy-url is not supported`,
    );
  }
  let cert = await pem(user['client-certificate-data'], user['client-certificate']);
  let key = await pem(user['client-key-data'], user['client-key']);
  let authorization: ClusterConfig['authorization'];
  if (needsPlugin(active)) {
    const ask = await pluginCredentials(active);
    const first = await ask({refresh: false});
    cert = first.cert ?? cert;
    key = first.key ?? key;
    authorization = cachedAuthorization(async (again) => (await ask(again)).authorization, clock);
  } else {
    authorization = staticAuthorization(user, clock);
  }
  const ca = await pem(cluster['certificate-authority-data'], cluster['certificate-authority']);
  const headers = impersonationHeaders(user);
  return {
    server: cluster.server,
    ...(ca === undefined ? {} : {ca}),
    ...(cert === undefined ? {} : {cert}),
    ...(key === undefined ? {} : {key}),
    ...(cluster['insecure-skip-tls-verify'] === true ? {insecureSkipTlsVerify: true} : {}),
    ...(cluster['tls-server-name'] === undefined ? {} : {tlsServerName: cluster['tls-server-name']}),
    ...(headers === undefined ? {} : {headers}),
    namespace: options.namespace ?? context.namespace ?? 'default',
    ...(authorization === undefined ? {} : {authorization}),
  };
}
