import {type Client, isNotFound, kinds} from '@kruntimes/reconciler-kit';
import type {
  ConfigMapProjection,
  DownwardAPIProjection,
  KeyToPath,
  Pod,
  SecretProjection,
  ServiceAccountTokenProjection,
  Volume,
} from 'kubernetes-types/core/v1.d.ts';
import {type PodAddresses, podField} from './pod-fields.ts';

interface ProjectedFile {
  /** Within the volume. */
  path: string;
  data: Buffer;
  mode: number;
}

export interface ProjectedFiles {
  files: ProjectedFile[];
  /** When the first of the tokens among them ends; milliseconds since the epoch. */
  expiresMs?: number;
}

export interface ProjectionContext {
  client: Client;
  pod: Pod;
  addresses: PodAddresses;
  /** PEM, for the ConfigMap `kube-root-ca.crt` where nobody made it. */
  clusterCa: string;
}

const ROOT_CA_CONFIG_MAP = 'kube-root-ca.crt';
const DEFAULT_TOKEN_SECONDS = 3600;

/** The content of a volume that is made of API objects; undefined for any other volume. */
export async function projectedFiles(volume: Volume, context: ProjectionContext): Promise<ProjectedFiles | undefined> {
  const {configMap, secret, downwardAPI, projected} = volume;
  if (configMap) return {files: await configMapFiles(configMap, configMap.defaultMode, context)};
  if (secret) {
    const projection = {...secret, name: secret.secretName ?? ''};
    return {files: await secretFiles(projection, secret.defaultMode, context)};
  }
  if (downwardAPI) return {files: downwardFiles(downwardAPI, downwardAPI.defaultMode, context)};
  if (!projected) return undefined;
  const files: ProjectedFile[] = [];
  let expiresMs: number | undefined;
  for (const source of projected.sources ?? []) {
    const mode = projected.defaultMode;
    if (source.configMap) files.push(...(await configMapFiles(source.configMap, mode, context)));
    if (source.secret) files.push(...(await secretFiles(source.secret, mode, context)));
    if (source.downwardAPI) files.push(...downwardFiles(source.downwardAPI, mode, context));
    if (source.serviceAccountToken) {
      const token = await tokenFile(source.serviceAccountToken, mode, context);
      files.push(token.file);
      expiresMs = Math.min(expiresMs ?? Number.POSITIVE_INFINITY, token.expiresMs);
    }
  }
  return expiresMs === undefined ? {files} : {files, expiresMs};
}

async function configMapFiles(
  projection: ConfigMapProjection,
  mode: number | undefined,
  context: ProjectionContext,
): Promise<ProjectedFile[]> {
  const {name = '', items, optional} = projection;
  const data = await configMapData(name, optional, context);
  return data === undefined ? [] : select(`ConfigMap ${name}`, data, items, optional, mode);
}

async function secretFiles(
  projection: SecretProjection,
  mode: number | undefined,
  context: ProjectionContext,
): Promise<ProjectedFile[]> {
  const {name = '', items, optional} = projection;
  const data = await secretData(name, optional, context);
  return data === undefined ? [] : select(`Secret ${name}`, data, items, optional, mode);
}

/** Undefined when it is optional and not there. */
export async function configMapData(
  name: string,
  optional: boolean | undefined,
  {client, pod, clusterCa}: ProjectionContext,
): Promise<Map<string, Buffer> | undefined> {
  try {
    const {data = {}, binaryData = {}} = await client
      .kind(kinds.ConfigMap)
      .get(name, {namespace: pod.metadata?.namespace});
    return new Map([
      ...Object.entries(data).map(([key, text]) => [key, Buffer.from(text)] as const),
      ...Object.entries(binaryData).map(([key, base64]) => [key, Buffer.from(base64, 'base64')] as const),
    ]);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    // A controller of the controller-manager makes it, and there is none here.
    if (name === ROOT_CA_CONFIG_MAP) return new Map([['ca.crt', Buffer.from(clusterCa)]]);
    if (optional) return undefined;
    throw new Error(`ConfigMap ${name} not found`, {cause: error});
  }
}

/** Undefined when it is optional and not there. */
export async function secretData(
  name: string,
  optional: boolean | undefined,
  {client, pod}: ProjectionContext,
): Promise<Map<string, Buffer> | undefined> {
  try {
    const {data = {}} = await client.kind(kinds.Secret).get(name, {namespace: pod.metadata?.namespace});
    return new Map(Object.entries(data).map(([key, base64]) => [key, Buffer.from(base64, 'base64')]));
  } catch (error) {
    if (!isNotFound(error)) throw error;
    if (optional) return undefined;
    throw new Error(`Secret ${name} not found`, {cause: error});
  }
}

function select(
  source: string,
  data: ReadonlyMap<string, Buffer>,
  items: readonly KeyToPath[] | undefined,
  optional: boolean | undefined,
  defaultMode = 0o644,
): ProjectedFile[] {
  if (items === undefined) return [...data].map(([path, content]) => ({path, data: content, mode: defaultMode}));
  return items.flatMap(({key, path, mode = defaultMode}) => {
    const content = data.get(key);
    if (content !== undefined) return [{path, data: content, mode}];
    if (optional) return [];
    throw new Error(`${source} has no key ${key}`);
  });
}

function downwardFiles(
  projection: DownwardAPIProjection,
  defaultMode: number | undefined,
  {pod, addresses}: ProjectionContext,
): ProjectedFile[] {
  return (projection.items ?? []).map(({path, fieldRef, mode = defaultMode ?? 0o644}) => {
    const value = fieldRef && podField(pod, fieldRef.fieldPath, addresses);
    if (value === undefined)
      throw new Error(`a local node has no ${fieldRef?.fieldPath ?? 'resourceFieldRef'} for ${path}`);
    return {path, data: Buffer.from(value), mode};
  });
}

async function tokenFile(
  projection: ServiceAccountTokenProjection,
  mode: number | undefined,
  {client, pod}: ProjectionContext,
): Promise<{file: ProjectedFile; expiresMs: number}> {
  const {name, namespace, uid} = pod.metadata ?? {};
  const account = pod.spec?.serviceAccountName ?? 'default';
  const {status} = await client.createToken(
    {name: account, namespace},
    {
      audiences: projection.audience ? [projection.audience] : [],
      expirationSeconds: projection.expirationSeconds ?? DEFAULT_TOKEN_SECONDS,
      // The API server refuses the token as soon as the Pod is gone.
      boundObjectRef: {apiVersion: 'v1', kind: 'Pod', ...(name && {name}), ...(uid && {uid})},
    },
  );
  const file = {path: projection.path, data: Buffer.from(status?.token ?? ''), mode: mode ?? 0o600};
  return {file, expiresMs: Date.parse(status?.expirationTimestamp ?? '')};
}
