import {beforeEach, describe, expect, test} from '@jest/globals';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import type {Event} from 'kubernetes-types/events/v1.d.ts';
import {ApiError, ReconcilerKitError} from './errors.ts';
import {type EventDetails, EventRecorder, type EventRecorderOptions, type EventSink} from './event-recorder.ts';
import {Metrics} from './metrics.ts';
import {ManualClock} from './testing/manual-clock.ts';

let clock: ManualClock;
let metrics: Metrics;
/** Each request, as `create NAME` or `patch NAME COUNT`. */
let requests: string[];
let stored: Map<string, Event>;
/** Thrown by the next requests, one each; undefined lets it through. */
let failures: (Error | 'answer lost' | undefined)[];
let recorder: EventRecorder;

function attempt(request: string, effect: () => Event): Promise<Event> {
  requests.push(request);
  const failure = failures.shift();
  if (failure instanceof Error) return Promise.reject(failure);
  const event = effect();
  return failure ? Promise.reject(connectionFailed()) : Promise.resolve(event);
}

function sink(): EventSink {
  return {
    kind: () => ({
      create: async (event) =>
        attempt('create', () => {
          const name = event.metadata?.name ?? '';
          if (stored.has(name)) throw new ApiError({status: 409, body: {reason: 'AlreadyExists'}});
          stored.set(name, event);
          return event;
        }),
      patch: async ({name}, {body}) =>
        attempt('patch', () => {
          const event = stored.get(name);
          if (!event) throw new ApiError({status: 404, body: {reason: 'NotFound'}});
          const patched: Event = {...event, ...Object(body)};
          stored.set(name, patched);
          return patched;
        }),
    }),
  };
}

function connectionFailed(): ReconcilerKitError {
  return new ReconcilerKitError('CONNECTION_FAILED', 'reset', {retryable: true});
}

function newRecorder(options: Partial<EventRecorderOptions> = {}): EventRecorder {
  return new EventRecorder({
    client: sink(),
    controller: 'example.com/test',
    instance: 'pod-0',
    clock,
    random: () => 0.5,
    metrics,
    ...options,
  });
}

beforeEach(() => {
  clock = new ManualClock();
  metrics = new Metrics();
  requests = [];
  stored = new Map();
  failures = [];
  recorder = newRecorder();
});

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {name: 'web', namespace: 'shop', uid: 'uid-1', resourceVersion: '7'},
};
const started: EventDetails = {type: 'Normal', reason: 'Started', action: 'Starting', note: 'started'};
const only = (): Event => {
  const [event, ...rest] = stored.values();
  if (!event || rest.length > 0) throw new Error(`${stored.size} Events instead of one`);
  return event;
};
const dropped = async (reason: string) => {
  const line = (await metrics.text())
    .split('\n')
    .find((text) => text.startsWith(`reconciler_kit_events_dropped_total{reason="${reason}"}`));
  return Number(line?.split(' ')[1]);
};

describe('EventRecorder', () => {
  test('writes an events.k8s.io/v1 Event', async () => {
    recorder.event(pod, {...started, related: {apiVersion: 'v1', kind: 'Node', metadata: {name: 'n1'}}});
    await recorder.flush();
    expect(only()).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: {name: expect.stringMatching(/^web\.[0-9a-f]{16}$/), namespace: 'shop'},
      eventTime: '2026-01-01T00:00:00.000000Z',
      reportingController: 'example.com/test',
      reportingInstance: 'pod-0',
      type: 'Normal',
      reason: 'Started',
      action: 'Starting',
      note: 'started',
      regarding: {apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: 'shop', uid: 'uid-1', resourceVersion: '7'},
      related: {apiVersion: 'v1', kind: 'Node', name: 'n1'},
    });
    expect(clock.pendingTimers).toBe(0);
  });

  test('puts Events of cluster-scoped objects into the namespace default, and makes a valid name', async () => {
    recorder.event(
      {apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: {name: 'system:Admin'}},
      started,
    );
    await recorder.flush();
    expect(only().metadata).toEqual({name: expect.stringMatching(/^[0-9a-f-]{36}$/), namespace: 'default'});
  });

  test('cuts names and notes to what the API server takes', async () => {
    recorder.event({...pod, metadata: {...pod.metadata, name: 'a'.repeat(253)}}, {...started, note: '界'.repeat(400)});
    await recorder.flush();
    expect(only().metadata?.name).toHaveLength(253);
    expect(Buffer.byteLength(only().note ?? '')).toBeLessThanOrEqual(1024);
    expect(only().note).toBe(`${'界'.repeat(340)}…`);
  });

  test('makes a series of what happens again, and sends its count at the second time, every 30 minutes, and at the end', async () => {
    recorder.event(pod, started);
    await recorder.flush();
    recorder.event(pod, {...started, note: 'started again'});
    await clock.advance(0);
    expect(requests).toEqual(['create', 'patch']);
    expect(only().series).toEqual({count: 2, lastObservedTime: '2026-01-01T00:00:00.000000Z'});
    for (let minute = 1; minute <= 40; minute++) {
      await clock.advance(60_000);
      recorder.event(pod, started);
    }
    expect(requests).toEqual(['create', 'patch', 'patch']);
    await clock.advance(15 * 60_000);
    expect(requests).toEqual(['create', 'patch', 'patch', 'patch']);
    expect(only().series).toEqual({count: 42, lastObservedTime: '2026-01-01T00:40:00.000000Z'});
    // Nothing is left to do: an idle process makes no requests and has no timers.
    expect(clock.pendingTimers).toBe(0);
    recorder.event(pod, started);
    await recorder.flush();
    expect(stored.size).toBe(2);
  });

  test('sends what happened while the first Event waited as one', async () => {
    failures = [connectionFailed()];
    recorder.event(pod, started);
    recorder.event(pod, started);
    recorder.event(pod, started);
    await clock.advance(10_000);
    expect(requests).toEqual(['create', 'create']);
    expect(only().series?.count).toBe(3);
  });

  test('creates an Event anew that the API server has already removed', async () => {
    recorder.event(pod, started);
    await recorder.flush();
    stored.clear();
    await clock.advance(1);
    recorder.event(pod, started);
    await recorder.flush();
    expect(requests).toEqual(['create', 'patch', 'create']);
    expect(only().series?.count).toBe(2);
  });

  test('tries again after failures that may pass, and takes a lost answer for a success', async () => {
    failures = [connectionFailed(), new ApiError({status: 503}), 'answer lost'];
    recorder.event(pod, started);
    await clock.advance(60_000);
    expect(requests).toEqual(['create', 'create', 'create', 'create']);
    expect(stored.size).toBe(1);
    expect(await dropped('rejected')).toBe(0);
  });

  test('gives up after twelve tries, and at once when the answer is no', async () => {
    failures = Array.from({length: 12}, connectionFailed);
    recorder.event(pod, started);
    await clock.advance(3_600_000);
    expect(requests).toHaveLength(12);
    failures = [new ApiError({status: 403, body: {reason: 'Forbidden'}})];
    recorder.event(pod, started);
    await recorder.flush();
    expect(requests).toHaveLength(13);
    expect(await dropped('rejected')).toBe(2);
  });

  test('one object gets 25 Events at once and then one in five minutes; others are not affected', async () => {
    for (let i = 0; i < 40; i++) recorder.event(pod, {...started, reason: `Reason${i}`});
    recorder.event({...pod, metadata: {...pod.metadata, name: 'db', uid: 'uid-2'}}, started);
    await recorder.flush();
    expect(stored.size).toBe(26);
    expect(await dropped('spam')).toBe(15);
    await clock.advance(300_000);
    recorder.event(pod, {...started, reason: 'Late1'});
    recorder.event(pod, {...started, reason: 'Late2'});
    await recorder.flush();
    expect(stored.size).toBe(27);
  });

  test('drops what does not fit into the queue', async () => {
    recorder = newRecorder({queueSize: 3});
    for (let i = 0; i < 10; i++) recorder.event({...pod, metadata: {name: `pod-${i}`}}, started);
    await recorder.flush();
    // One was taken out at once to be sent.
    expect(stored.size).toBe(4);
    expect(await dropped('queue_full')).toBe(6);
  });

  test('never throws, whatever it is given', async () => {
    recorder.event({}, started);
    recorder.event(pod, {...started, reason: ''});
    recorder.event(pod, {...started, action: 'a'.repeat(129)});
    recorder.event(JSON.parse('null'), started);
    await recorder.flush();
    expect(requests).toEqual([]);
    expect(await dropped('invalid')).toBe(4);
  });

  test('a close sends what waits, but not for longer than it is given', async () => {
    recorder.event(pod, started);
    recorder.event(pod, started);
    recorder.event(pod, started);
    await recorder.close();
    expect(only().series?.count).toBe(3);
    expect(clock.pendingTimers).toBe(0);

    failures = Array.from({length: 100}, connectionFailed);
    const other = newRecorder();
    other.event(pod, started);
    const closed = other.close(5_000);
    await clock.advance(5_000);
    await closed;
    expect(clock.pendingTimers).toBe(0);
    requests = [];
    other.event(pod, started);
    await other.flush();
    expect(requests).toEqual([]);
  });
});
