import {writeFile} from 'node:fs/promises';
import type {ClusterConfig} from '../config.ts';

/** Writes a kubeconfig with one context named `name`; readable by its owner only. JSON is valid YAML. */
export async function writeKubeconfig(path: string, config: ClusterConfig, name = 'test'): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const authorization = await config.authorization?.({refresh: false});
  const token = authorization?.replace(/^Bearer /i, '');
  const kubeconfig = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [
      {
        name,
        cluster: {
          server: config.server,
          ...(config.ca === undefined ? {} : {'certificate-authority-data': base64(config.ca)}),
          ...(config.insecureSkipTlsVerify ? {'insecure-skip-tls-verify': true} : {}),
          ...(config.tlsServerName === undefined ? {} : {'tls-server-name': config.tlsServerName}),
        },
      },
    ],
    users: [
      {
        name,
        user: {
          ...(token === undefined ? {} : {token}),
          ...(config.cert === undefined ? {} : {'client-certificate-data': base64(config.cert)}),
          ...(config.key === undefined ? {} : {'client-key-data': base64(config.key)}),
        },
      },
    ],
    contexts: [{name, context: {cluster: name, user: name, namespace: config.namespace}}],
  };
  await writeFile(path, `${JSON.stringify(kubeconfig, null, 2)}\n`, {mode: 0o600});
}
