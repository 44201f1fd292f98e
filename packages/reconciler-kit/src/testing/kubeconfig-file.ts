import {writeKubeconfig as write} from '@kruntimes/apiserver-kit/kubeconfig';
import type {ClusterConfig} from '../config.ts';

/** Writes a kubeconfig with one context named `name`; readable by its owner only. */
export async function writeKubeconfig(path: string, config: ClusterConfig, name = 'test'): Promise<void> {
  const authorization = await config.authorization?.({refresh: false});
  const token = authorization?.replace(/^Bearer /i, '');
  await write(path, {...config, token}, name);
}
