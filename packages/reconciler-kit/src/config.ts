import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {type Clock, systemClock} from './clock.ts';
import {errorCodeOf} from './connection-error.ts';
import {ReconcilerKitError} from './errors.ts';

/** How to reach one API server, and as whom. */
export interface ClusterConfig {
  /** URL of the API server; may have a path prefix. */
  server: string;
  /** PEM certificates to trust instead of the system's. */
  ca?: string;
  /** PEM client certificate. */
  cert?: string;
  /** PEM key of `cert`. */
  key?: string;
  /** Accept any certificate. Never in production. */
  insecureSkipTlsVerify?: boolean;
  /** Name to expect in the server's certificate instead of the URL's host. */
  tlsServerName?: string;
  /** Sent with each request, e.g. `Impersonate-User`. */
  headers?: Readonly<Record<string, string | string[]>>;
  /** Namespace of the Pod or of the kubeconfig context; `default` where none is set. */
  namespace: string;
  /**
   * Value of the Authorization header, or undefined for none. Called for each attempt of each request, so it caches.
   * `refresh` is true after the server answered 401: what is cached is no good any more.
   */
  authorization?(options: {refresh: boolean}): Promise<string | undefined>;
}

/** How long a credential read from a file is used before it is read again. Kubelets renew tokens long before they expire. */
const rereadAfterMs = 60_000;

/** An `authorization` for {@link ClusterConfig} from a function that reads a token; undefined tokens are kept too. */
export function cachedAuthorization(
  read: (options: {refresh: boolean}) => Promise<string | undefined>,
  clock: Clock = systemClock,
): NonNullable<ClusterConfig['authorization']> {
  let value: string | undefined;
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<string | undefined> | undefined;
  return ({refresh}) => {
    if (!refresh && clock.monotonic() - readAtMs < rereadAfterMs) return Promise.resolve(value);
    // All requests that find it too old at the same time wait for one reading.
    reading ??= read({refresh})
      .then((fresh) => {
        value = fresh;
        readAtMs = clock.monotonic();
        return fresh;
      })
      .finally(() => {
        reading = undefined;
      });
    return reading;
  };
}

export interface InClusterOptions {
  /** Where the service account volume is mounted. Default `/var/run/secrets/kubernetes.io/serviceaccount`. */
  directory?: string;
  /** Default `process.env`. */
  env?: NodeJS.ProcessEnv;
  clock?: Clock;
}

const defaultDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCodeOf(error) === 'ENOENT') return undefined;
    throw new ReconcilerKitError('CONFIG_INVALID', `cannot read ${path}: ${String(error)}`, {cause: error});
  }
}

/**
 * The configuration of a Pod: address from KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT; token, CA and namespace
 * from the mounted service account. The token is read again at most once a minute, and at once after a 401.
 *
 * @throws ReconcilerKitError `NOT_IN_CLUSTER` when this is no Pod or it has no service account token.
 * @see https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 */
export async function inClusterConfig(options: InClusterOptions = {}): Promise<ClusterConfig> {
  const {directory = defaultDirectory, env = process.env, clock = systemClock} = options;
  const host = env.KUBERNETES_SERVICE_HOST ?? '';
  const port = env.KUBERNETES_SERVICE_PORT ?? '';
  if (host === '' || port === '') {
    throw new ReconcilerKitError(
      'NOT_IN_CLUSTER',
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is no Pod. Give a kubeconfig instead',
    );
  }
  const tokenPath = join(directory, 'token');
  let last = (await readOptional(tokenPath))?.trim() ?? '';
  if (last === '') {
    throw new ReconcilerKitError(
      'NOT_IN_CLUSTER',
      `${tokenPath} does not exist or is empty: does the Pod mount its service account token (automountServiceAccountToken)?`,
    );
  }
  const ca = await readOptional(join(directory, 'ca.crt'));
  const namespace = (await readOptional(join(directory, 'namespace')))?.trim();
  return {
    // An IPv6 address needs brackets in a URL.
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ...(ca === undefined ? {} : {ca}),
    namespace: namespace === undefined || namespace === '' ? 'default' : namespace,
    authorization: cachedAuthorization(async () => {
      // The volume is swapped by renaming; should a read fall into a gap, the token from before is still good.
      const token = await readFile(tokenPath, 'utf8').catch(() => '');
      if (token.trim() !== '') last = token.trim();
      return `Bearer ${last}`;
    }, clock),
  };
}
