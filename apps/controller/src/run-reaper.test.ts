import {describe, expect, test} from '@jest/globals';
import type {Run, RunPhase, Runtime} from '@kruntimes/api-types';
import {
  ApiError,
  type Client,
  type DeepReadonly,
  type Kind,
  Metrics,
  type ReconcileContext,
  silentLogger,
} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {trace} from '@opentelemetry/api';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {RunReaper} from './run-reaper.ts';
import {WatchedObjects} from './watched-objects.fixture.ts';

const context: ReconcileContext = {
  signal: new AbortController().signal,
  logger: silentLogger,
  span: trace.getTracer('test').startSpan('test'),
};

class World {
  readonly clock = new ManualClock();
  readonly runtimes = new WatchedObjects<Runtime>();
  readonly pods = new WatchedObjects<Pod>();
  readonly runs = new WatchedObjects<Run>((run) => [`n/${run.status?.assignedPod}`]);
  /** Pods as the API server has them. */
  readonly storedPods = new Map<string, Pod>();
  readonly written: Run[] = [];
  readonly patched: unknown[] = [];
  writeFails: ApiError | undefined;
  silentMs: number | undefined = 0;
  renewedAfterAll = false;
  readonly metrics = new Metrics();
  readonly reaper: RunReaper;

  constructor() {
    const clients: Record<string, unknown> = {
      Pod: {
        get: async (name: string) => {
          const pod = this.storedPods.get(name);
          if (pod === undefined) throw new ApiError({status: 404});
          return pod;
        },
        patchStatus: async (_: unknown, {body}: {body: unknown}) => this.patched.push(body),
      },
      Run: {
        updateStatus: async (run: Run) => {
          if (this.writeFails !== undefined) throw this.writeFails;
          this.written.push(run);
        },
      },
    };
    const client = {kind: (kind: Kind) => clients[kind.kind]} as unknown as Pick<Client, 'kind'>;
    this.reaper = new RunReaper({
      runtimes: this.runtimes,
      pods: this.pods,
      runs: this.runs,
      clock: this.clock,
      metrics: this.metrics,
      client,
      random: () => 0,
      monitor: {
        isFresh: () => this.silentMs !== undefined && this.silentMs < 40_000,
        isExpired: () => this.silentMs !== undefined && this.silentMs >= 40_000,
        silentMs: () => this.silentMs,
        wasRenewed: async () => this.renewedAfterAll,
      },
    });
  }

  addPod(uid = 'u', {phase = 'Running', cached = true, ready = 'True'} = {}): Pod {
    const pod: Pod = {
      metadata: {name: 'p', namespace: 'n', uid},
      status: {phase, conditions: [{type: 'kruntimes.io/RuntimedReady', status: ready}]},
    };
    this.storedPods.set('p', pod);
    if (cached) this.pods.set(pod);
    return pod;
  }

  addRun(name: string, phase: RunPhase = 'Running'): DeepReadonly<Run> {
    const run: Run = {
      metadata: {name, namespace: 'n', uid: name, resourceVersion: '7'},
      spec: {runtime: 'bash'},
      status: {phase, attempt: 1, assignedPod: 'p', assignedPodUID: 'u'},
    };
    this.runs.set(run);
    return run;
  }

  reconcile() {
    return this.reaper.reconcile({key: 'n/p', namespace: 'n', name: 'p'}, context);
  }
}

describe('RunReaper', () => {
  test('leaves a healthy Pod and its Runs alone, and does not come back', async () => {
    const world = new World();
    const pod = world.addPod();
    const run = world.addRun('a');
    expect(world.reaper.needsLook('n/p', run)).toBe(false);
    expect(world.reaper.needsCare(pod as DeepReadonly<Pod>)).toBe(false);
    expect(await world.reconcile()).toEqual({});
    expect([world.written, world.patched]).toEqual([[], []]);
  });

  test('takes all Runs of a Pod that is gone, each with its fence', async () => {
    const world = new World();
    world.addRun('a', 'Scheduled');
    world.addRun('b');
    expect(await world.reconcile()).toEqual({requeueAfterMs: 30_000});
    expect(world.written.map(({metadata, status}) => [metadata?.name, metadata?.resourceVersion, status])).toEqual([
      ['a', '7', expect.objectContaining({phase: 'Pending', reason: 'PodGone', disruptions: 1, attempt: 1})],
      ['b', '7', expect.objectContaining({phase: 'Pending', reason: 'PodGone', disruptions: 1, attempt: 1})],
    ]);
    expect(await world.metrics.text()).toContain('kruntimes_controller_runs_reaped_total{reason="PodGone"} 2');
  });

  test('a Pod that the cache has not seen yet is asked for before it is said to be gone', async () => {
    const world = new World();
    world.addPod('u', {cached: false});
    world.addRun('a');
    expect(await world.reconcile()).toEqual({requeueAfterMs: 30_000});
    expect(world.written).toEqual([]);
  });

  test('a Pod of the same name with another UID is another Pod', async () => {
    const world = new World();
    world.addPod('v');
    const run = world.addRun('a');
    expect(world.reaper.needsLook('n/p', run)).toBe(true);
    await world.reconcile();
    expect(world.written[0]?.status).toMatchObject({phase: 'Pending', reason: 'PodGone'});
  });

  test('Runs of a silent Pod are taken after the time that their Runtime sets', async () => {
    const world = new World();
    world.addPod('u', {ready: 'False'});
    world.addRun('a');
    world.silentMs = 40_000;
    expect(await world.reconcile()).toEqual({requeueAfterMs: 260_100});
    world.runtimes.set({
      metadata: {name: 'bash', namespace: 'n'},
      spec: {unreachableSeconds: 120, template: {}},
    });
    expect(await world.reconcile()).toEqual({requeueAfterMs: 80_100});
    world.silentMs = 120_000;
    await world.reconcile();
    expect(world.written[0]?.status).toMatchObject({phase: 'Pending', reason: 'PodUnreachable'});
  });

  test('a renewal that was not seen saves the Runs', async () => {
    const world = new World();
    world.addPod();
    world.addRun('a');
    world.silentMs = 400_000;
    world.renewedAfterAll = true;
    await world.reconcile();
    expect([world.written, world.patched]).toEqual([[], []]);
  });

  test('nothing is taken while the observer doubts itself', async () => {
    const world = new World();
    world.addPod();
    world.addRun('a');
    world.silentMs = undefined;
    expect(await world.reconcile()).toEqual({requeueAfterMs: 10_000});
    expect([world.written, world.patched]).toEqual([[], []]);
  });

  test('the readiness of a silent Pod is turned off once', async () => {
    const world = new World();
    world.addPod();
    world.silentMs = 40_000;
    await world.reconcile();
    expect(world.patched).toEqual([
      {
        metadata: {uid: 'u'},
        status: {
          conditions: [
            {
              type: 'kruntimes.io/RuntimedReady',
              status: 'False',
              reason: 'LeaseExpired',
              message: 'runtimed has not renewed Lease kruntimes-u',
              lastTransitionTime: '2026-01-01T00:00:00Z',
            },
          ],
        },
      },
    ]);
    world.addPod('u', {ready: 'False'});
    await world.reconcile();
    expect(world.patched).toHaveLength(1);
  });

  test('a Run that ended or was deleted meanwhile is not touched; a conflict is tried again', async () => {
    const world = new World();
    world.addRun('a');
    world.writeFails = new ApiError({status: 404});
    await expect(world.reconcile()).resolves.toBeDefined();
    world.writeFails = new ApiError({status: 409, reason: 'Conflict'});
    await expect(world.reconcile()).rejects.toBe(world.writeFails);
    expect(await world.metrics.text()).toContain('kruntimes_controller_runs_reaped_total{reason="PodGone"} 0');
  });

  test('the fifth lost attempt is the last, and a cancelled Run is not tried again', async () => {
    const world = new World();
    const run = world.addRun('a');
    world.runs.set({...(run as Run), status: {...(run.status as Run['status'] & object), disruptions: 4}});
    world.runs.set({...(world.addRun('b') as Run), spec: {runtime: 'bash', cancelRequested: true}});
    await world.reconcile();
    expect(world.written.map(({status}) => [status?.phase, status?.reason])).toEqual([
      ['Failed', 'TooManyDisruptions'],
      ['Cancelled', 'CancelRequested'],
    ]);
  });
});
