import type {ServerResponse} from 'node:http';
import type {Watch} from '../cache/watch.ts';
import type {WatchEvent} from '../cache/watch-event.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {JsonObject} from '../json/json-value.ts';
import {apiVersionOf} from '../kube-object.ts';
import {parseListOptions, parseResourceVersion} from './list-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {StoreRequest} from './rest-request.ts';
import {parseSelection} from './selection.ts';
import {watchLines} from './watch-lines.ts';

const WAIT_MS = 3_000;
/** Where a client does not say how long, it is cut off after 30 to 60 minutes: not all at the same time. */
const MIN_TIMEOUT_S = 1_800;
/** As long as a timer can be. */
const MAX_TIMEOUT_S = 2 ** 21;
/** How long before the end of a watch its last bookmark comes. */
const LAST_BOOKMARK_MS = 2_000;

/** Where the events go. */
export interface WatchSink {
  response: ServerResponse;
  /** Sends the head; the events follow. */
  start(): void;
  random(): number;
  /** Whether `sendInitialEvents` is taken. */
  watchList: boolean;
}

/** Streams events until the client, the time or the server ends it. @throws StatusError of a request that is wrong */
export async function watch(request: StoreRequest, sink: WatchSink): Promise<RestAnswer> {
  const {info, found, store, context, encoding} = request;
  const options = parseListOptions(info.query, {isWatch: true, watchList: sink.watchList});
  const selection = parseSelection(options, found.resource, found.version);
  const revision = options.resourceVersion === '' ? 0 : parseResourceVersion(options.resourceVersion, {isList: false});
  const seconds = options.timeoutSeconds ?? Math.floor(MIN_TIMEOUT_S * (1 + sink.random()));
  const isInitial = options.sendInitialEvents ?? revision === 0;
  if (options.resourceVersion === '') await store.cache.fresh();
  else if (options.sendInitialEvents === true) await store.cache.waitFor(revision, WAIT_MS);
  const {name} = context;
  const namespace = context.namespace;
  const only = name === '' ? selection.name : name;
  const isKeyed = only !== undefined && (!found.resource.namespaced || namespace !== '');
  const lines = watchLines(encoding.view, found.version, info.query);
  const events = store.cache.watch({
    ...(isKeyed ? {key: store.key({namespace}, only)} : {prefix: namespace === '' ? '' : `${namespace}/`}),
    ...(isInitial ? {} : {after: revision === 0 ? store.cache.revision : revision}),
    matches: selection.matches,
    bookmarks: options.allowWatchBookmarks,
    sendInitialEvents: options.sendInitialEvents,
    signal: context.signal,
  });
  sink.start();
  const kind = {apiVersion: apiVersionOf(found.resource.group, context.version), kind: found.resource.kind};
  // A client that asks for bookmarks gets one shortly before the end, so that it can go on from there.
  const endMs = Math.min(Math.max(seconds, 0), MAX_TIMEOUT_S) * 1_000;
  const bookmarkMs = endMs - LAST_BOOKMARK_MS;
  const bookmark = bookmarkMs > 0 ? setTimeout(() => events.requestBookmark(), bookmarkMs).unref() : undefined;
  const end = setTimeout(() => events.close(), endMs).unref();
  try {
    const isUnversioned = options.resourceVersion === '' && options.sendInitialEvents === undefined;
    await stream(events, sink.response, isUnversioned ? marked(lines(kind)) : lines(kind));
  } finally {
    clearTimeout(bookmark);
    clearTimeout(end);
  }
  return {$case: 'done'};
}

/** The first bookmark of a watch that names no revision says that the present state was sent, as in Kubernetes. */
function marked(line: (event: WatchEvent) => string): (event: WatchEvent) => string {
  let isMarked = false;
  return (event) => {
    if (event.type !== 'BOOKMARK' || isMarked) return line(event);
    isMarked = true;
    return line({...event, initialEventsEnd: true});
  };
}

async function stream(events: Watch, response: ServerResponse, line: (event: WatchEvent) => string): Promise<void> {
  try {
    for (;;) {
      const batch = await events.next();
      if (batch.length === 0) break;
      if (!response.write(batch.map(line).join(''))) await drained(response, events.closed);
    }
  } catch (error) {
    response.write(`${encodeJson(errorEvent(error))}\n`);
  } finally {
    events.close();
  }
  // Who does not read what was written would hold the connection forever.
  if (events.evicted) response.destroy();
  else response.end();
}

async function drained(response: ServerResponse, closed: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done);
      closed.removeEventListener('abort', done);
      resolve();
    };
    if (response.destroyed || closed.aborted) return resolve();
    response.on('drain', done).on('close', done);
    closed.addEventListener('abort', done);
  });
}

function errorEvent(error: unknown): JsonObject {
  const status = (error instanceof StatusError ? error : statusErrors.internal(error)).toStatus();
  return {type: 'ERROR', object: status};
}
