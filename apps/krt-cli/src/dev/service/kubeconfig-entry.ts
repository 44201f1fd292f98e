import {mkdir, readFile, realpath, rename, writeFile} from 'node:fs/promises';
import {dirname} from 'node:path';
import {isMap, isSeq, parseDocument, type YAMLSeq} from 'yaml';

/** What a kubeconfig says about one cluster. */
export interface KubeconfigEntry {
  name: string;
  server: string;
  /** PEM. */
  ca: string;
  token: string;
}

const lists = ['clusters', 'users', 'contexts'] as const;

function valuesOf({name, server, ca, token}: KubeconfigEntry): Record<(typeof lists)[number], object> {
  const authority = Buffer.from(ca).toString('base64');
  return {
    clusters: {name, cluster: {server, 'certificate-authority-data': authority}},
    users: {name, user: {token}},
    contexts: {name, context: {cluster: name, user: name, namespace: 'default'}},
  };
}

/**
 * The text of a kubeconfig with the entry in it, in place of what had its name; everything else, comments included, stays as
 * it is. It becomes the current context only where there is none.
 *
 * @throws Error where the text is no kubeconfig
 */
export function withEntry(text: string, entry: KubeconfigEntry): string {
  const document = kubeconfigDocument(text);
  const values = valuesOf(entry);
  for (const list of lists) {
    const items = listIn(document, list);
    const index = indexOf(items, entry.name);
    const node = document.createNode(values[list]);
    if (index === -1) items.items.push(node);
    else items.items[index] = node;
  }
  if (!document.get('current-context')) document.set('current-context', entry.name);
  return document.toString({lineWidth: 0});
}

/** What a kubeconfig says about the cluster and the user of a name. */
export function entryIn(text: string, name: string): KubeconfigEntry {
  const config = kubeconfigDocument(text).toJS() as {
    clusters?: {name: string; cluster: {server?: string; 'certificate-authority-data'?: string}}[];
    users?: {name: string; user: {token?: string}}[];
  };
  const cluster = config.clusters?.find((each) => each.name === name)?.cluster;
  const user = config.users?.find((each) => each.name === name)?.user;
  return {
    name,
    server: cluster?.server ?? '',
    ca: Buffer.from(cluster?.['certificate-authority-data'] ?? '', 'base64').toString(),
    token: user?.token ?? '',
  };
}

/** The text without what has this name. */
export function withoutEntry(text: string, name: string): string {
  const document = kubeconfigDocument(text);
  for (const list of lists) {
    const items = listIn(document, list);
    const index = indexOf(items, name);
    if (index !== -1) items.items.splice(index, 1);
  }
  if (document.get('current-context') === name) document.set('current-context', '');
  return document.toString({lineWidth: 0});
}

function kubeconfigDocument(text: string) {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem) throw new Error(problem.message.split('\n')[0]);
  if (document.contents === null) return parseDocument('apiVersion: v1\nkind: Config\n');
  if (!isMap(document.contents)) throw new Error('it is no kubeconfig');
  return document;
}

function listIn(document: ReturnType<typeof kubeconfigDocument>, name: string): YAMLSeq {
  const found = document.get(name);
  if (isSeq(found)) {
    // An empty list is often written as [], in which a long entry would be hard to read.
    found.flow = false;
    return found;
  }
  if (found !== undefined && found !== null) throw new Error(`its ${name} are no list`);
  document.set(name, document.createNode([]));
  return document.get(name) as YAMLSeq;
}

function indexOf(items: YAMLSeq, name: string): number {
  return items.items.findIndex((item) => isMap(item) && item.get('name') === name);
}

/** Changes a file in one step; others never see half of it. A file that is not there is an empty one. */
export async function changeFile(path: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const changed = change(text);
  if (changed === text) return;
  await mkdir(dirname(path), {recursive: true, mode: 0o700});
  // Of a link, what it leads to is changed.
  const target = await realpath(path).catch(() => path);
  const next = `${target}.krt-${process.pid}`;
  await writeFile(next, changed, {mode: 0o600});
  await rename(next, target);
}
