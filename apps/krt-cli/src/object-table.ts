import {ApiError, apiVersionOf, type Kind, type KubernetesObject} from '@kruntimes/reconciler-kit';
import type {Connection} from './connection.ts';
import {LineSplitter} from './line-splitter.ts';
import type {Table} from './table.ts';

/** The server makes the table, with the columns that the CRD declares; so every version of it prints right. */
const tableAccept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
const pageSize = 500;

export interface ObjectSelection {
  /** Left out: all namespaces. */
  namespace?: string | undefined;
  name?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

export function objectPath(kind: Kind, {namespace, name}: ObjectSelection): string {
  const scope = namespace === undefined ? '' : `/namespaces/${encodeURIComponent(namespace)}`;
  return `/apis/${apiVersionOf(kind)}${scope}/${kind.plural}${name === undefined ? '' : `/${encodeURIComponent(name)}`}`;
}

/** One object as a Table of one row. */
export async function getTable<T extends KubernetesObject>(
  connection: Connection,
  kind: Kind<T>,
  selection: ObjectSelection & {name: string},
): Promise<Table> {
  return await connection.client.transport.request<Table>({
    method: 'GET',
    path: objectPath(kind, selection),
    accept: tableAccept,
  });
}

/**
 * All selected objects, page by page; the last page's resourceVersion is where a watch goes on. One by name is listed too:
 * its own resourceVersion may be older than what the server can watch from.
 */
export async function* listTables<T extends KubernetesObject>(
  connection: Connection,
  kind: Kind<T>,
  selection: ObjectSelection,
): AsyncGenerator<Table> {
  let next: string | undefined;
  do {
    const table: Table = await connection.client.transport.request<Table>({
      method: 'GET',
      path: objectPath(kind, {namespace: selection.namespace}),
      query: {...selectors(selection), limit: pageSize, ...(next ? {continue: next} : {})},
      accept: tableAccept,
    });
    yield table;
    next = table.metadata?.continue || undefined;
  } while (next);
}

export interface TableWatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  table: Table;
}

/**
 * Changes as Tables of one row, from `resourceVersion` on, over as many connections as it takes.
 * @throws ApiError 410 when the server has forgotten what came after `resourceVersion`
 */
export async function* watchTables<T extends KubernetesObject>(
  connection: Connection,
  kind: Kind<T>,
  selection: ObjectSelection,
  resourceVersion: string,
  signal: AbortSignal,
): AsyncGenerator<TableWatchEvent> {
  let from = resourceVersion;
  while (!signal.aborted) {
    const stream = await connection.client.transport.stream({
      method: 'GET',
      path: objectPath(kind, {namespace: selection.namespace}),
      query: {
        ...selectors(selection),
        watch: true,
        allowWatchBookmarks: true,
        resourceVersion: from,
        timeoutSeconds: 300,
      },
      accept: tableAccept,
      signal,
    });
    for await (const event of eventsOf(stream.body)) {
      if (event.type === 'ERROR') throw new ApiError({status: event.object.code ?? 500, body: event.object});
      const table = event.object as unknown as Table;
      from = table.rows?.[0]?.object?.metadata?.resourceVersion ?? from;
      if (event.type !== 'BOOKMARK') yield {type: event.type as TableWatchEvent['type'], table};
    }
  }
}

interface RawEvent {
  type: string;
  object: {code?: number; message?: string; reason?: string};
}

async function* eventsOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<RawEvent> {
  const splitter = new LineSplitter();
  for await (const chunk of body) {
    for (const line of splitter.push(chunk)) {
      if (line.trim() !== '') yield JSON.parse(line) as RawEvent;
    }
  }
}

function selectors({name, labelSelector, fieldSelector}: ObjectSelection): Record<string, string> {
  const fields = [name === undefined ? '' : `metadata.name=${name}`, fieldSelector ?? ''].filter(Boolean).join(',');
  return {...(labelSelector ? {labelSelector} : {}), ...(fields ? {fieldSelector: fields} : {})};
}
