import {writeFile} from 'node:fs/promises';

/** How a server is reached, and as whom. */
export interface KubeconfigEntry {
  /** `https://host:port` */
  server: string;
  /** PEM of the authority of the server's certificate. */
  ca?: string | undefined;
  insecureSkipTlsVerify?: boolean | undefined;
  /** The name that the server's certificate must have, where it is not that of the URL. */
  tlsServerName?: string | undefined;
  /** Bearer token. */
  token?: string | undefined;
  /** PEM of a client certificate and its key. */
  cert?: string | undefined;
  key?: string | undefined;
  namespace?: string | undefined;
}

/** A kubeconfig with one context, named `name`, which is the current one. */
export function kubeconfig(entry: KubeconfigEntry, name: string): object {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const {server, ca, insecureSkipTlsVerify, tlsServerName, token, cert, key, namespace} = entry;
  return {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: {
          server,
          ...(ca !== undefined && {'certificate-authority-data': base64(ca)}),
          ...(insecureSkipTlsVerify === true && {'insecure-skip-tls-verify': true}),
          ...(tlsServerName !== undefined && {'tls-server-name': tlsServerName}),
        },
      },
    ],
    users: [
      {
        name,
        user: {
          ...(token !== undefined && {token}),
          ...(cert !== undefined && {'client-certificate-data': base64(cert)}),
          ...(key !== undefined && {'client-key-data': base64(key)}),
        },
      },
    ],
    contexts: [{name, context: {cluster: name, user: name, ...(namespace !== undefined && {namespace})}}],
  };
}

/** Writes a {@link kubeconfig} that only its owner may read. JSON is valid YAML. */
export async function writeKubeconfig(path: string, entry: KubeconfigEntry, name: string): Promise<void> {
  await writeFile(path, `${JSON.stringify(kubeconfig(entry, name), null, 2)}\n`, {mode: 0o600});
}
