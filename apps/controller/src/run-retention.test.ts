import {afterEach, describe, expect, test} from '@jest/globals';
import type {Run} from '@kruntimes/api-types';
import {ApiError, Metrics, silentLogger} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {projectFinishedRun, RunRetention} from './run-retention.ts';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

interface Delete {
  readonly key: string;
  readonly resourceVersion: string | undefined;
}

class World {
  readonly clock = new ManualClock();
  readonly metrics = new Metrics();
  readonly deletes: Delete[] = [];
  readonly retention: RunRetention;
  failWith: ApiError | undefined;
  /** Deletes wait for it. */
  gate: Promise<void> = Promise.resolve();
  inFlight = 0;
  mostInFlight = 0;
  #version = 0;

  constructor({limit = 10_000, ttl = 3600} = {}) {
    this.retention = new RunRetention({
      defaultTtlSeconds: ttl,
      maxFinishedRunsPerNamespace: limit,
      clock: this.clock,
      logger: silentLogger,
      metrics: this.metrics,
      runs: {
        delete: async ({namespace = '', name}, options) => {
          this.mostInFlight = Math.max(this.mostInFlight, ++this.inFlight);
          await this.gate;
          this.inFlight--;
          if (this.failWith !== undefined) throw this.failWith;
          this.deletes.push({key: `${namespace}/${name}`, resourceVersion: options?.preconditions?.resourceVersion});
          this.retention.event('DELETED', this.run(name, {namespace}));
          return {};
        },
      },
    });
    const stop = new AbortController();
    const running = this.retention.start(stop.signal);
    stops.push(async () => {
      stop.abort();
      await running;
      if (this.clock.pendingTimers > 0) throw new Error('a timer was left behind');
    });
  }

  run(
    name: string,
    {namespace = 'n', ttl, agoSeconds = 0}: {namespace?: string; ttl?: number; agoSeconds?: number} = {},
  ): Run {
    return {
      metadata: {name, namespace, resourceVersion: String(++this.#version)},
      spec: {runtime: 'bash', ...(ttl !== undefined && {ttlSecondsAfterFinished: ttl})},
      status: {phase: 'Succeeded', completionTime: new Date(this.clock.now() - agoSeconds * 1000).toISOString()},
    };
  }

  get deleted(): string[] {
    return this.deletes.map(({key}) => key);
  }
}

describe('RunRetention', () => {
  test('deletes each Run when its time is over', async () => {
    const world = new World();
    world.retention.replace([world.run('old', {agoSeconds: 3500}), world.run('new')]);
    world.retention.event('ADDED', world.run('short', {ttl: 10}));
    world.retention.event('ADDED', world.run('none', {ttl: 0}));
    await world.clock.advance(0);
    expect(world.deleted).toEqual(['n/none']);
    await world.clock.advance(10_000);
    expect(world.deleted).toEqual(['n/none', 'n/short']);
    await world.clock.advance(90_000);
    expect(world.deleted).toEqual(['n/none', 'n/short', 'n/old']);
    await world.clock.advance(3_500_000);
    expect(world.deleted).toEqual(['n/none', 'n/short', 'n/old', 'n/new']);
    expect(await world.metrics.text()).toContain('kruntimes_controller_runs_deleted_total{cause="ttl"} 4');
  });

  test('a time that is changed after the end counts', async () => {
    const world = new World();
    world.retention.event('ADDED', world.run('a', {ttl: 10}));
    world.retention.event('MODIFIED', world.run('a', {ttl: 100}));
    await world.clock.advance(99_999);
    expect(world.deleted).toEqual([]);
    await world.clock.advance(1);
    expect(world.deletes).toEqual([{key: 'n/a', resourceVersion: '2'}]);
  });

  test('keeps no more than so many per namespace, the oldest go', async () => {
    const world = new World({limit: 3});
    world.retention.replace([4, 2, 5, 1, 3].map((age) => world.run(`age-${age}`, {agoSeconds: age})));
    world.retention.event('ADDED', world.run('elsewhere', {namespace: 'other', agoSeconds: 9}));
    await world.clock.advance(0);
    expect(world.deleted.toSorted()).toEqual(['n/age-4', 'n/age-5']);
    world.retention.event('ADDED', world.run('age-0'));
    await world.clock.advance(0);
    expect(world.deleted.toSorted()).toEqual(['n/age-3', 'n/age-4', 'n/age-5']);
    expect(await world.metrics.text()).toContain('kruntimes_controller_runs_deleted_total{cause="limit"} 3');
  });

  test('at most eight deletes are under way', async () => {
    const world = new World({ttl: 0});
    const {promise, resolve} = Promise.withResolvers<void>();
    world.gate = promise;
    world.retention.replace(Array.from({length: 50}, (_, i) => world.run(`r${i}`)));
    await world.clock.advance(0);
    expect(world.inFlight).toBe(8);
    resolve();
    await world.clock.advance(0);
    expect(world.deletes).toHaveLength(50);
    expect(world.mostInFlight).toBe(8);
  });

  test('a delete that fails is tried again', async () => {
    const world = new World({ttl: 0});
    world.failWith = new ApiError({status: 500});
    world.retention.event('ADDED', world.run('a'));
    await world.clock.advance(0);
    expect(world.deletes).toEqual([]);
    world.failWith = undefined;
    await world.clock.advance(5_000);
    expect(world.deleted).toEqual(['n/a']);
  });

  test('a conflict waits for what the watch brings', async () => {
    const world = new World({ttl: 0});
    world.failWith = new ApiError({status: 409, reason: 'Conflict'});
    world.retention.event('ADDED', world.run('a'));
    await world.clock.advance(0);
    world.failWith = undefined;
    world.retention.event('MODIFIED', world.run('a', {ttl: 60}));
    await world.clock.advance(59_000);
    expect(world.deletes).toEqual([]);
    await world.clock.advance(1_000);
    expect(world.deletes).toEqual([{key: 'n/a', resourceVersion: '2'}]);
  });

  test('a Run that is being deleted by someone else is left to its finalizers', async () => {
    const world = new World({ttl: 0});
    const run = world.run('a');
    world.retention.event('ADDED', {...run, metadata: {...run.metadata, deletionTimestamp: '2026-01-01T00:00:00Z'}});
    await world.clock.advance(60_000);
    expect(world.deletes).toEqual([]);
  });

  test('of a finished Run almost nothing is kept', () => {
    const run: Run = {
      metadata: {name: 'a', namespace: 'n', uid: 'u', resourceVersion: '5', labels: {a: 'b'}, managedFields: []},
      spec: {runtime: 'bash', source: {inline: 'x'.repeat(1000)}, ttlSecondsAfterFinished: 5},
      status: {phase: 'Failed', completionTime: '2026-01-01T00:00:00.000000Z', outputs: {a: 'b'}},
    };
    expect(projectFinishedRun(run)).toEqual({
      metadata: {name: 'a', namespace: 'n', resourceVersion: '5'},
      spec: {runtime: '', ttlSecondsAfterFinished: 5},
      status: {phase: 'Failed', completionTime: '2026-01-01T00:00:00.000000Z'},
    });
  });
});
