import {access, readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {delimiter, join} from 'node:path';
import {type ClusterConfig, inClusterConfig, ReconcilerKitError} from '@kruntimes/reconciler-kit';
import {loadKubeconfig} from '@kruntimes/reconciler-kit/client-node';
import {KrtError} from './krt-error.ts';

/** The flags that choose cluster, identity and namespace; their names and meanings are kubectl's. */
export interface ClusterFlags {
  kubeconfig?: string | undefined;
  context?: string | undefined;
  namespace?: string | undefined;
  server?: string | undefined;
  token?: string | undefined;
  as?: string | undefined;
  asGroup?: string[] | undefined;
  certificateAuthority?: string | undefined;
  insecureSkipTlsVerify?: boolean | undefined;
}

/**
 * Which API server to talk to, and as whom: the kubeconfig by kubectl's rules, in a Pod without one its service account,
 * and flags over both.
 *
 * @throws KrtError `KUBECONFIG` when that leads nowhere
 */
export async function resolveClusterConfig(flags: ClusterFlags, env: NodeJS.ProcessEnv): Promise<ClusterConfig> {
  const config = {...(await baseConfig(flags, env))};
  if (flags.server) config.server = flags.server;
  if (flags.certificateAuthority) {
    config.ca = await readFile(flags.certificateAuthority, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new KrtError(
        'KUBECONFIG',
        `cannot read --certificate-authority ${flags.certificateAuthority}: ${error.code}`,
      );
    });
  }
  if (flags.insecureSkipTlsVerify) {
    config.insecureSkipTlsVerify = true;
    delete config.ca;
  }
  if (flags.token) {
    const header = `Bearer ${flags.token}`;
    config.authorization = () => Promise.resolve(header);
    delete config.cert;
    delete config.key;
  }
  if (flags.asGroup && !flags.as) throw new KrtError('USAGE', '--as-group needs --as');
  if (flags.as) {
    config.headers = {
      ...config.headers,
      'Impersonate-User': flags.as,
      ...(flags.asGroup ? {'Impersonate-Group': flags.asGroup} : {}),
    };
  }
  return config;
}

async function baseConfig(flags: ClusterFlags, env: NodeJS.ProcessEnv): Promise<ClusterConfig> {
  const {kubeconfig, context, namespace} = flags;
  const chosen = kubeconfig !== undefined || context !== undefined;
  if (!chosen && !(await hasKubeconfig(env))) {
    if (flags.server) return {server: flags.server, namespace: namespace ?? 'default'};
    if (env['KUBERNETES_SERVICE_HOST']) {
      const config = await inClusterConfig({env});
      return namespace === undefined ? config : {...config, namespace};
    }
  }
  try {
    return await loadKubeconfig({path: kubeconfig, context, namespace, env});
  } catch (error) {
    if (!(error instanceof ReconcilerKitError)) throw error;
    // The parser of YAML shows the line and points at it.
    const [message = ''] = error.message.split('\n');
    const nothing = message.startsWith('no kubeconfig at');
    throw new KrtError('KUBECONFIG', message.replace(/:$/, ''), {
      hint: nothing
        ? 'choose one with --kubeconfig, or an API server with --server and --token'
        : 'kubectl config get-contexts shows what there is; choose with --context or --kubeconfig',
      cause: error,
    });
  }
}

/** The files that may make up the kubeconfig when no flag names one. */
export function kubeconfigFiles(env: NodeJS.ProcessEnv): string[] {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  return listed.length > 0 ? listed : [join(homedir(), '.kube', 'config')];
}

async function hasKubeconfig(env: NodeJS.ProcessEnv): Promise<boolean> {
  for (const path of kubeconfigFiles(env)) {
    const readable = await access(path).then(
      () => true,
      () => false,
    );
    if (readable) return true;
  }
  return false;
}
