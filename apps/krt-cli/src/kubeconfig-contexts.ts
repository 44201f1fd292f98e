import {readFile} from 'node:fs/promises';
import {kubeconfigFiles} from './cluster-config.ts';
import {parseYamlDocuments} from './yaml-document.ts';

/** Names of all contexts, for completion; files that cannot be read have none. */
export async function contextNames(kubeconfig: string | undefined, env: NodeJS.ProcessEnv): Promise<string[]> {
  const names = new Set<string>();
  for (const path of kubeconfig ? [kubeconfig] : kubeconfigFiles(env)) {
    const text = await readFile(path, 'utf8').catch(() => '');
    const [document] = parseYamlDocuments(text, path) as {contexts?: {name?: unknown}[]}[];
    for (const {name} of document?.contexts ?? []) if (typeof name === 'string') names.add(name);
  }
  return [...names];
}
