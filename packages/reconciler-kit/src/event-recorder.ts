import {randomUUID} from 'node:crypto';
import {hostname} from 'node:os';
import type {ObjectReference} from 'kubernetes-types/core/v1.d.ts';
import type {Event} from 'kubernetes-types/events/v1.d.ts';
import type {KindClient} from './client.ts';
import {type Clock, systemClock, type Timer} from './clock.ts';
import type {DeepReadonly} from './deep-readonly.ts';
import {ApiError, isAlreadyExists, isNotFound, ReconcilerKitError} from './errors.ts';
import {EventSpamFilter} from './event-spam-filter.ts';
import {type Kind, type KubernetesObject, kinds} from './kind.ts';
import {LruMap} from './lru-map.ts';
import type {Metrics} from './metrics.ts';
import {type Logger, silentLogger} from './silent-logger.ts';
import {microTime} from './time.ts';

/** What the recorder needs of a {@link Client}. */
export interface EventSink {
  kind(kind: Kind<Event>): Pick<KindClient<Event>, 'create' | 'patch'>;
}

export interface EventRecorderOptions {
  client: EventSink;
  /** Who reports, as a qualified name such as `example.com/my-controller`: reportingController. */
  controller: string;
  /** Which of its processes reports, such as the name of its Pod: reportingInstance. Default: the host name. */
  instance?: string;
  /** Events that may wait to be sent; more are dropped. Default 1,000. */
  queueSize?: number;
  clock?: Clock;
  random?: () => number;
  logger?: Logger;
  metrics?: Metrics;
}

export interface EventDetails {
  type: 'Normal' | 'Warning';
  /** Why, as one CamelCase word for programs. At most 128 characters. */
  reason: string;
  /** What was done or tried, as one CamelCase word for programs. At most 128 characters. */
  action: string;
  /** What happened, for people. Cut at 1,024 bytes. */
  note: string;
  /** A second object that took part. */
  related?: DeepReadonly<KubernetesObject>;
}

/** Why an Event was not recorded: the label `reason` of `reconciler_kit_events_dropped_total`. */
type DropReason = 'spam' | 'queue_full' | 'rejected' | 'invalid';

/** The same thing, happening once or again and again. */
interface Series {
  readonly key: string;
  event: Event;
  count: number;
  lastObservedMs: number;
  /** How much of `count` the API server knows; 0 before the Event is created. */
  sentCount: number;
  sentMs: number;
  state: 'idle' | 'queued' | 'sending';
  /** Was to be sent again while it was being sent. */
  again: boolean;
}

const FINISH_MS = 6 * 60_000;
const REFRESH_MS = 30 * 60_000;
const MAX_SERIES = 4_096;
const MAX_TRIES = 12;
const MAX_NOTE_BYTES = 1_024;
const MAX_NAME_LENGTH = 253;
const MAX_WORD_LENGTH = 128;

/**
 * Writes `events.k8s.io/v1` Events, for people who ask `kubectl describe` what happened.
 *
 * Events are a courtesy: {@link event} returns at once, and what cannot be written is dropped, counted and logged. The same
 * thing happening again within six minutes becomes a series of the first Event: its count is sent with the second time,
 * every 30 minutes, and when nothing was added for six minutes. One object gets at most 25 Events at once and then one every
 * five minutes.
 *
 * Needs permission to `create` and `patch` `events` of group `events.k8s.io`. Events of cluster-scoped objects go to the namespace `default`.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/tools/events/event_broadcaster.go
 */
export class EventRecorder {
  readonly #sink: ReturnType<EventSink['kind']>;
  readonly #controller: string;
  readonly #instance: string;
  readonly #queueSize: number;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #logger: Logger;
  readonly #metrics: Metrics | undefined;
  readonly #spam: EventSpamFilter;

  readonly #series = new LruMap<string, Series>(MAX_SERIES);
  readonly #queue: Series[] = [];
  readonly #closing = new AbortController();
  #sending: Promise<void> | undefined;
  #sweepTimer: Timer | undefined;
  #lastMoment = 0n;

  constructor(options: EventRecorderOptions) {
    this.#sink = options.client.kind(kinds.Event);
    this.#controller = options.controller;
    this.#instance = (options.instance ?? hostname()).slice(0, MAX_WORD_LENGTH);
    this.#queueSize = options.queueSize ?? 1_000;
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#logger = options.logger ?? silentLogger;
    this.#metrics = options.metrics;
    this.#spam = new EventSpamFilter({clock: this.#clock});
  }

  /** Records that something happened to `regarding`, which needs `apiVersion`, `kind` and a name. Never blocks, never throws. */
  event(regarding: DeepReadonly<KubernetesObject>, details: EventDetails): void {
    if (this.#closing.signal.aborted) return;
    try {
      this.#record(regarding, details);
    } catch (error) {
      this.#drop('invalid', {error, reason: details.reason});
    }
  }

  /** Sends what waits and the counts of all series; resolves when that is done or dropped. */
  async flush(): Promise<void> {
    for (const series of this.#series.values()) if (series.sentCount < series.count) this.#enqueue(series);
    await this.#sending;
  }

  /** {@link flush} for at most `timeoutMs`; afterwards nothing is recorded any more. */
  async close(timeoutMs = 5_000): Promise<void> {
    const timer = this.#clock.setTimeout(() => this.#closing.abort(), timeoutMs);
    await this.flush();
    timer.cancel();
    this.#closing.abort();
    this.#sweepTimer?.cancel();
    this.#sweepTimer = undefined;
  }

  #record(regarding: DeepReadonly<KubernetesObject>, details: EventDetails): void {
    const object = referenceTo(regarding);
    const related = details.related && referenceTo(details.related);
    const {type, reason, action} = details;
    if (!isWord(reason) || !isWord(action))
      throw new Error('reason and action of an Event must have 1 to 128 characters');
    const now = this.#clock.now();
    const key = [type, reason, action, identityOf(object), related ? identityOf(related) : ''].join('\n');
    const known = this.#series.get(key);
    if (known && now - known.lastObservedMs < FINISH_MS) {
      known.count += 1;
      known.lastObservedMs = now;
      // From the second time on it is a series; its later counts are sent by the sweep.
      if (known.count === 2 && this.#allows(object, reason)) this.#enqueue(known);
      this.#armSweep();
      return;
    }
    if (!this.#allows(object, reason)) return;
    const event: Event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {name: this.#nameFor(object, now), namespace: object.namespace ?? 'default'},
      eventTime: microTime(now),
      reportingController: this.#controller,
      reportingInstance: this.#instance,
      type,
      reason,
      action,
      note: cutToBytes(details.note, MAX_NOTE_BYTES),
      regarding: object,
      ...(related && {related}),
    };
    const series: Series = {
      key,
      event,
      count: 1,
      lastObservedMs: now,
      sentCount: 0,
      sentMs: now,
      state: 'idle',
      again: false,
    };
    // What goes out of sight with counts that were not sent yet is finished now.
    for (const old of [known, this.#series.set(key, series)]) if (old && old.sentCount < old.count) this.#enqueue(old);
    this.#enqueue(series);
  }

  #allows(regarding: ObjectReference, reason: string): boolean {
    if (this.#spam.allows(identityOf(regarding))) return true;
    this.#drop('spam', {regarding: identityOf(regarding), reason});
    return false;
  }

  #drop(why: DropReason, fields: object): void {
    this.#metrics?.eventsDroppedTotal.inc({reason: why});
    this.#logger[why === 'invalid' ? 'warn' : 'debug']('Event dropped', {why, ...fields});
  }

  #nameFor(regarding: ObjectReference, now: number): string {
    const {name = ''} = regarding;
    if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name)) return randomUUID();
    // Nanoseconds, of which a clock knows only the upper ones: below, chance keeps processes apart, and here names of one.
    const moment = BigInt(Math.floor(now)) * 1_000_000n + BigInt(Math.floor(this.#random() * 1_000_000));
    this.#lastMoment = moment > this.#lastMoment ? moment : this.#lastMoment + 1n;
    const suffix = `.${this.#lastMoment.toString(16)}`;
    return name.slice(0, MAX_NAME_LENGTH - suffix.length).replace(/[-.]+$/, '') + suffix;
  }

  #enqueue(series: Series): void {
    if (series.state !== 'idle') {
      series.again = series.state === 'sending';
      return;
    }
    if (this.#queue.length >= this.#queueSize) {
      this.#drop('queue_full', {reason: series.event.reason});
      if (series.sentCount === 0) this.#forget(series);
      return;
    }
    series.state = 'queued';
    this.#queue.push(series);
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    for (let series = this.#queue.shift(); series; series = this.#queue.shift()) {
      series.state = 'sending';
      try {
        series.sentCount = await this.#sendWithRetries(series);
        series.sentMs = this.#clock.now();
      } catch (error) {
        this.#forget(series);
        this.#drop('rejected', {reason: series.event.reason, error});
        // Nobody can write Events into a namespace that is being deleted.
        if (!isNamespaceTerminating(error)) this.#logger.warn('cannot write Events', {error});
      }
      series.state = 'idle';
      const isBehind = series.again && series.sentCount < series.count && this.#series.get(series.key) === series;
      series.again = false;
      if (isBehind) this.#enqueue(series);
    }
  }

  /** Returns the count that was sent. */
  async #sendWithRetries(series: Series): Promise<number> {
    const {signal} = this.#closing;
    for (let tries = 1; ; tries++) {
      try {
        return await this.#write(series, signal);
      } catch (error) {
        if (signal.aborted || tries >= MAX_TRIES || !isRetryable(error)) throw error;
        // One to ten seconds, of which a random half.
        const delayMs = Math.min(1_000 * 2 ** (tries - 1), 10_000) * (0.5 + 0.5 * this.#random());
        await this.#clock.sleep(delayMs, signal).catch(() => {});
      }
    }
  }

  async #write(series: Series, signal: AbortSignal): Promise<number> {
    const {event, count, lastObservedMs} = series;
    const state = count > 1 ? {count, lastObservedTime: microTime(lastObservedMs)} : undefined;
    if (series.sentCount > 0) {
      const {name = '', namespace} = event.metadata ?? {};
      try {
        await this.#sink.patch({name, namespace}, {type: 'merge', body: {series: state}}, {signal});
        return count;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        // The API server keeps Events for an hour.
        const renamed = this.#nameFor(event.regarding ?? {}, this.#clock.now());
        series.event = {...event, metadata: {...event.metadata, name: renamed}};
        series.sentCount = 0;
      }
    }
    try {
      await this.#sink.create({...series.event, ...(state && {series: state})}, {signal});
    } catch (error) {
      // An earlier try arrived, only its answer did not.
      if (!isAlreadyExists(error)) throw error;
    }
    return count;
  }

  #forget(series: Series): void {
    if (this.#series.get(series.key) === series) this.#series.delete(series.key);
  }

  #armSweep(): void {
    if (this.#sweepTimer || this.#closing.signal.aborted) return;
    this.#sweepTimer = this.#clock.setTimeout(() => this.#sweep(), FINISH_MS);
  }

  /** Ends series that nothing was added to, and sends the counts of those that go on. */
  #sweep(): void {
    this.#sweepTimer = undefined;
    const now = this.#clock.now();
    let goesOn = false;
    for (const series of this.#series.values()) {
      const isFinished = now - series.lastObservedMs >= FINISH_MS;
      if (series.sentCount < series.count && (isFinished || now - series.sentMs >= REFRESH_MS)) this.#enqueue(series);
      if (isFinished) this.#forget(series);
      else if (series.count > 1) goesOn = true;
    }
    if (goesOn) this.#armSweep();
  }
}

function referenceTo(object: DeepReadonly<KubernetesObject>): ObjectReference {
  const {apiVersion, kind, metadata} = object;
  if (!apiVersion || !kind || !metadata?.name) {
    throw new ReconcilerKitError(
      'INVALID_ARGUMENT',
      'an Event needs apiVersion, kind and name of the object it is about',
    );
  }
  const {name, namespace, uid, resourceVersion} = metadata;
  return {
    apiVersion,
    kind,
    name,
    ...(namespace && {namespace}),
    ...(uid && {uid}),
    ...(resourceVersion && {resourceVersion}),
  };
}

function identityOf({kind = '', namespace = '', name = '', uid = ''}: ObjectReference): string {
  return `${kind}/${namespace}/${name}/${uid}`;
}

function isWord(text: string): boolean {
  return text.length > 0 && text.length <= MAX_WORD_LENGTH;
}

function cutToBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  const mark = '…';
  // As a stream, the decoder keeps half a character back instead of replacing it.
  return new TextDecoder().decode(bytes.subarray(0, limit - Buffer.byteLength(mark)), {stream: true}) + mark;
}

function isRetryable(error: unknown): boolean {
  return (error instanceof ApiError || error instanceof ReconcilerKitError) && error.retryable;
}

function isNamespaceTerminating(error: unknown): boolean {
  return (
    error instanceof ApiError && (error.details?.causes ?? []).some(({reason}) => reason === 'NamespaceTerminating')
  );
}
