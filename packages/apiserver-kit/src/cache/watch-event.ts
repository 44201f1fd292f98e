import type {CachedObject} from './cached-object.ts';

export type WatchEventType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** For one watcher. A DELETED has the last state of the object, with the revision of the event that took it away. */
export interface WatchEvent {
  type: WatchEventType;
  revision: number;
  /** Undefined of a BOOKMARK. */
  object: CachedObject | undefined;
  /** Of the BOOKMARK that ends the initial events. */
  initialEventsEnd?: boolean;
}

/** One event for all watchers that see a change in the same way. */
export class SharedEvent implements WatchEvent {
  readonly type: WatchEventType;
  readonly revision: number;
  readonly object: CachedObject;

  constructor(type: WatchEventType, object: CachedObject) {
    this.type = type;
    this.revision = object.revision;
    this.object = object;
  }
}

/** What a line says beside the event: apiVersion and kind as the client asked for them. */
export interface WatchEventKind {
  apiVersion: string;
  kind: string;
}

/** Lines of the events that are under way to several watchers just now, oldest first. */
const lines = new Map<WatchEvent, {apiVersion: string; line: string}>();
const linesLimit = 2 * 2 ** 20;
let linesSize = 0;

/** An event as a watch sends it in JSON, newline included. It is put together once for all watchers that are sent the same event. */
export function watchEventLine(event: WatchEvent, kind: WatchEventKind): string {
  const {object} = event;
  if (object === undefined) return bookmarkLine(event, kind);
  const known = lines.get(event);
  if (known?.apiVersion === kind.apiVersion) return known.line;
  const line = `{"type":"${event.type}","object":${object.jsonAs(kind.apiVersion)}}\n`;
  if (known === undefined && event instanceof SharedEvent) remember(event, kind.apiVersion, line);
  return line;
}

function bookmarkLine({revision, initialEventsEnd}: WatchEvent, {apiVersion, kind}: WatchEventKind): string {
  const metadata = {
    resourceVersion: String(revision),
    ...(initialEventsEnd === true && {annotations: {'k8s.io/initial-events-end': 'true'}}),
  };
  return `${JSON.stringify({type: 'BOOKMARK', object: {kind, apiVersion, metadata}})}\n`;
}

function remember(event: WatchEvent, apiVersion: string, line: string): void {
  lines.set(event, {apiVersion, line});
  linesSize += line.length;
  for (const [oldest, {line: gone}] of lines) {
    if (linesSize <= linesLimit) break;
    lines.delete(oldest);
    linesSize -= gone.length;
  }
}
