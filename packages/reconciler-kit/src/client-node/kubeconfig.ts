import {readFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {delimiter, dirname, isAbsolute, join, resolve} from 'node:path';
import {parse} from 'yaml';
import {errorCodeOf, messageOf} from '../connection-error.ts';
import {ReconcilerKitError} from '../errors.ts';

/** The `cluster` of a named cluster. @see https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
export interface KubeconfigCluster {
  server?: string;
  'certificate-authority'?: string;
  'certificate-authority-data'?: string;
  'insecure-skip-tls-verify'?: boolean;
  'tls-server-name'?: string;
  'proxy-url'?: string;
}

export interface KubeconfigUser {
  'client-certificate'?: string;
  'client-certificate-data'?: string;
  'client-key'?: string;
  'client-key-data'?: string;
  token?: string;
  tokenFile?: string;
  username?: string;
  password?: string;
  as?: string;
  'as-uid'?: string;
  'as-groups'?: string[];
  'as-user-extra'?: Record<string, string[]>;
  exec?: {command?: string; [key: string]: unknown};
  'auth-provider'?: unknown;
}

export interface KubeconfigContext {
  cluster?: string;
  user?: string;
  namespace?: string;
}

/** One or several files, merged. */
export interface Kubeconfig {
  currentContext: string;
  contexts: Map<string, KubeconfigContext>;
  clusters: Map<string, KubeconfigCluster>;
  users: Map<string, KubeconfigUser>;
}

/** The context in use, with what it names. */
export interface ActiveContext {
  name: string;
  context: KubeconfigContext;
  cluster: KubeconfigCluster & {server: string};
  user: KubeconfigUser;
}

interface KubeconfigFile {
  'current-context'?: string;
  contexts?: {name: string; context?: KubeconfigContext | null}[] | null;
  clusters?: {name: string; cluster?: KubeconfigCluster | null}[] | null;
  users?: {name: string; user?: KubeconfigUser | null}[] | null;
}

function invalid(message: string, cause?: unknown): ReconcilerKitError {
  return new ReconcilerKitError('CONFIG_INVALID', message, {cause});
}

/** Which files make up the kubeconfig, by kubectl's rules, and whether each must exist. */
export function kubeconfigPaths(
  path: string | undefined,
  env: NodeJS.ProcessEnv,
  home = homedir(),
): {paths: string[]; required: boolean} {
  if (path !== undefined && path !== '') return {paths: [path], required: true};
  const fromEnv = (env.KUBECONFIG ?? '').split(delimiter).filter((part) => part !== '');
  return {paths: fromEnv.length > 0 ? [...new Set(fromEnv)] : [join(home, '.kube', 'config')], required: false};
}

async function readKubeconfigFile(path: string, required: boolean): Promise<KubeconfigFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (!required && errorCodeOf(error) === 'ENOENT') return undefined;
    throw invalid(`cannot read kubeconfig ${path}: ${messageOf(error)}`, error);
  }
  let file: unknown;
  try {
    file = parse(text);
  } catch (error) {
    throw invalid(`kubeconfig ${path} is not YAML: ${messageOf(error)}`, error);
  }
  if (file === null || file === undefined) return {};
  if (typeof file !== 'object' || Array.isArray(file)) throw invalid(`kubeconfig ${path} is no mapping`);
  return file;
}

/** Paths in a kubeconfig are relative to the file that they stand in. */
function absolute<T extends object>(value: T, keys: readonly (keyof T)[], directory: string): T {
  const copy = {...value};
  for (const key of keys) {
    const path = copy[key];
    if (typeof path === 'string' && path !== '' && !isAbsolute(path)) copy[key] = resolve(directory, path) as never;
  }
  return copy;
}

function withAbsoluteCommand(user: KubeconfigUser, directory: string): KubeconfigUser {
  const command = user.exec?.command;
  // A bare name is looked up in PATH, as in a shell.
  if (command === undefined || isAbsolute(command) || !/[/\\]/.test(command)) return user;
  return {...user, exec: {...user.exec, command: resolve(directory, command)}};
}

function mergeFile(into: Kubeconfig, file: KubeconfigFile, directory: string): void {
  // The first file that says something wins.
  if (into.currentContext === '') into.currentContext = file['current-context'] ?? '';
  for (const {name, context} of file.contexts ?? []) {
    if (!into.contexts.has(name)) into.contexts.set(name, context ?? {});
  }
  for (const {name, cluster} of file.clusters ?? []) {
    if (!into.clusters.has(name)) {
      into.clusters.set(name, absolute(cluster ?? {}, ['certificate-authority'], directory));
    }
  }
  for (const {name, user} of file.users ?? []) {
    if (!into.users.has(name)) {
      const paths = ['client-certificate', 'client-key', 'tokenFile'] as const;
      into.users.set(name, withAbsoluteCommand(absolute(user ?? {}, paths, directory), directory));
    }
  }
}

/**
 * Reads and merges kubeconfig files.
 *
 * @throws ReconcilerKitError `CONFIG_INVALID` when there is none or one cannot be read.
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
 */
export async function readKubeconfig(paths: readonly string[], required: boolean): Promise<Kubeconfig> {
  const merged: Kubeconfig = {currentContext: '', contexts: new Map(), clusters: new Map(), users: new Map()};
  let found = 0;
  for (const path of paths) {
    const file = await readKubeconfigFile(path, required);
    if (file === undefined) continue;
    found++;
    mergeFile(merged, file, dirname(resolve(path)));
  }
  if (found === 0) {
    throw invalid(`no kubeconfig at ${paths.join(', ')}: set KUBECONFIG or give the path of one`);
  }
  return merged;
}

/** @throws ReconcilerKitError `CONFIG_INVALID` when the context, its cluster or its user is missing. */
export function activeContext(kubeconfig: Kubeconfig, override: string | undefined): ActiveContext {
  const name = override !== undefined && override !== '' ? override : kubeconfig.currentContext;
  const known = [...kubeconfig.contexts.keys()].join(', ');
  if (name === '') {
    throw invalid(`the kubeconfig has no current-context: name a context${known === '' ? '' : ` (${known})`}`);
  }
  const context = kubeconfig.contexts.get(name);
  if (context === undefined) {
    throw invalid(`the kubeconfig has no context ${JSON.stringify(name)}${known === '' ? '' : `: it has ${known}`}`);
  }
  const cluster = kubeconfig.clusters.get(context.cluster ?? '');
  if (cluster?.server === undefined) {
    throw invalid(`context ${JSON.stringify(name)}: no cluster ${JSON.stringify(context.cluster ?? '')} with a server`);
  }
  const user = context.user === undefined || context.user === '' ? {} : kubeconfig.users.get(context.user);
  if (user === undefined) {
    throw invalid(`context ${JSON.stringify(name)}: no user ${JSON.stringify(context.user)}`);
  }
  return {name, context, cluster: {...cluster, server: cluster.server}, user};
}
