import type {Status} from 'kubernetes-types/meta/v1.d.ts';
import {ApiError, ReconcilerKitError} from './errors.ts';
import {LineSplitter} from './line-splitter.ts';
import type {ApiRequest, Transport} from './transport.ts';

/** One line of a watch as it comes from the server. */
export interface RawWatchEvent {
  type: string;
  object: unknown;
}

export interface WatchStream {
  /** Events in the groups in which they arrived. Ends when the server ends the watch. */
  batches: AsyncIterable<RawWatchEvent[]>;
  /** Closes the connection; `batches` ends. */
  close(): void;
}

/** etcd takes 1.5 MiB by default; a server set up for more still has room here. */
const maxLineBytes = 64 * 1024 * 1024;

function parseEvent(line: string, request: ApiRequest): RawWatchEvent {
  let event: Partial<RawWatchEvent> | null;
  try {
    event = JSON.parse(line) as Partial<RawWatchEvent> | null;
  } catch (error) {
    throw new ReconcilerKitError(
      'RESPONSE_INVALID',
      `GET ${request.path}: a watch event is not JSON: ${JSON.stringify(line.slice(0, 100))}`,
      {cause: error, retryable: true},
    );
  }
  if (typeof event?.type !== 'string' || typeof event.object !== 'object' || event.object === null) {
    throw new ReconcilerKitError(
      'RESPONSE_INVALID',
      `GET ${request.path}: not a watch event: ${JSON.stringify(line.slice(0, 100))}`,
      {retryable: true},
    );
  }
  return event as RawWatchEvent;
}

function statusError(status: Partial<Status>, request: ApiRequest): ApiError {
  return new ApiError({status: status.code ?? 500, body: status, request: `GET ${request.path}`});
}

async function* readBatches(body: AsyncIterable<Uint8Array>, request: ApiRequest): AsyncGenerator<RawWatchEvent[]> {
  const splitter = new LineSplitter(maxLineBytes);
  for await (const chunk of body) {
    const batch: RawWatchEvent[] = [];
    let failure: unknown;
    try {
      for (const line of splitter.push(chunk)) {
        const event = parseEvent(line, request);
        if (event.type === 'ERROR') throw statusError(event.object as Partial<Status>, request);
        batch.push(event);
      }
    } catch (error) {
      failure = error;
    }
    // What came before the failure in the same chunk is good and must not be lost.
    if (batch.length > 0) yield batch;
    if (failure !== undefined) throw failure;
  }
  // An unfinished line at the end is dropped: its event comes again when the watch is resumed.
}

/**
 * Opens one watch on its own connection.
 *
 * @throws ApiError when the server refuses; from `batches`, for an ERROR event.
 */
export async function openWatch(transport: Transport, request: ApiRequest): Promise<WatchStream> {
  const stream = await transport.stream(request);
  return {batches: readBatches(stream.body, request), close: () => stream.close()};
}
