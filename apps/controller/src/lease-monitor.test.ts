import {afterEach, describe, expect, test} from '@jest/globals';
import {leaseName} from '@kruntimes/api-types';
import {ApiError, type DeepReadonly, Metrics, silentLogger} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {LeaseMonitor} from './lease-monitor.ts';
import {WatchedObjects} from './watched-objects.fixture.ts';

const stops: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

class World {
  readonly clock = new ManualClock();
  readonly pods = new WatchedObjects<Pod>();
  readonly leases = new WatchedObjects<Lease>();
  /** Leases as the API server has them. */
  readonly stored = new Map<string, Lease>();
  readonly expired: string[] = [];
  apiServerIsUp = true;
  reads = 0;
  readonly monitor: LeaseMonitor;

  constructor() {
    this.monitor = new LeaseMonitor({
      pods: this.pods,
      leases: this.leases,
      clock: this.clock,
      logger: silentLogger,
      metrics: new Metrics(),
      onExpired: (pod) => this.expired.push(pod),
      reader: {
        list: async () => {
          this.#read();
          return [...this.stored.values()];
        },
        get: async ({name}) => {
          this.#read();
          const lease = this.stored.get(name);
          if (lease === undefined) throw new ApiError({status: 404});
          return lease;
        },
      },
    });
    const stop = new AbortController();
    const running = this.monitor.start(stop.signal);
    stops.push(async () => {
      stop.abort();
      await running;
      if (this.clock.pendingTimers > 0) throw new Error('a timer was left behind');
    });
  }

  #read(): void {
    this.reads++;
    if (!this.apiServerIsUp) throw new Error('connection refused');
  }

  addPod(name: string): DeepReadonly<Pod> {
    const pod: Pod = {metadata: {name, namespace: 'n', uid: name}};
    this.pods.set(pod);
    return pod;
  }

  /** `seen` false: the watch is broken. */
  renew(pod: string, {seen = true} = {}): void {
    const name = leaseName(pod);
    const lease: Lease = {metadata: {name, namespace: 'n'}, spec: {renewTime: String(this.clock.now())}};
    this.stored.set(name, lease);
    if (seen) this.leases.set(lease);
  }
}

describe('LeaseMonitor', () => {
  test('tells of each Pod that falls silent, once', async () => {
    const world = new World();
    const pod = world.addPod('a');
    world.addPod('b');
    world.renew('a');
    world.renew('b');
    await world.clock.advance(30_000);
    world.renew('b');
    await world.clock.advance(9_999);
    expect(world.monitor.isFresh(pod)).toBe(true);
    await world.clock.advance(1);
    expect(world.expired).toEqual(['n/a']);
    expect([world.monitor.isExpired(pod), world.monitor.silentMs(pod)]).toEqual([true, 40_000]);
    world.renew('a');
    expect([world.monitor.isExpired(pod), world.monitor.silentMs(pod)]).toEqual([false, 0]);
  });

  test('Leases without a Pod do not count', async () => {
    const world = new World();
    world.renew('gone');
    await world.clock.advance(60_000);
    expect(world.expired).toEqual([]);
    expect(world.clock.pendingTimers).toBe(0);
  });

  test('a Pod without a Lease is silent from when it was first asked for', async () => {
    const world = new World();
    const pod = world.addPod('a');
    expect(world.monitor.silentMs(pod)).toBe(0);
    await world.clock.advance(5_000);
    expect(world.monitor.silentMs(pod)).toBe(5_000);
    expect(world.monitor.isExpired(pod)).toBe(false);
    world.renew('a');
    expect(world.monitor.silentMs(pod)).toBe(0);
  });

  test('the API server is asked before a Lease is taken for expired', async () => {
    const world = new World();
    const pod = world.addPod('a');
    world.renew('a');
    await world.clock.advance(40_000);
    const {signal} = new AbortController();
    expect(await world.monitor.wasRenewed(pod, signal)).toBe(false);
    world.renew('a', {seen: false});
    expect(await world.monitor.wasRenewed(pod, signal)).toBe(true);
    expect(world.monitor.isFresh(pod)).toBe(true);
    world.stored.clear();
    expect(await world.monitor.wasRenewed(pod, signal)).toBe(false);
    world.apiServerIsUp = false;
    await expect(world.monitor.wasRenewed(pod, signal)).rejects.toThrow('connection refused');
  });

  test('when many seem expired, nothing is said until the API server was back for a whole period', async () => {
    const world = new World();
    const names = ['a', 'b', 'c', 'd', 'e'];
    const pods = names.map((name) => world.addPod(name));
    for (const name of names) world.renew(name);
    world.apiServerIsUp = false;
    await world.clock.advance(300_000);
    expect(world.expired).toEqual([]);
    expect(pods.map((pod) => world.monitor.isExpired(pod))).toEqual([false, false, false, false, false]);
    expect(pods.map((pod) => world.monitor.silentMs(pod))).toEqual(names.map(() => undefined));

    world.apiServerIsUp = true;
    for (let i = 0; i < 4; i++) {
      await world.clock.advance(10_000);
      for (const name of ['a', 'b', 'c', 'd']) world.renew(name);
    }
    expect(world.expired).toEqual([]);
    await world.clock.advance(10_000);
    expect(world.expired).toEqual(['n/e']);
    expect(pods.map((pod) => world.monitor.isExpired(pod))).toEqual([false, false, false, false, true]);

    const {reads} = world;
    for (const name of ['a', 'b', 'c', 'd']) world.renew(name);
    await world.clock.advance(30_000);
    expect(world.reads).toBe(reads);
  });

  test('Pods that are really gone silent together are told of after that period', async () => {
    const world = new World();
    const names = ['a', 'b', 'c'];
    for (const name of names) {
      world.addPod(name);
      world.renew(name);
    }
    await world.clock.advance(79_999);
    expect(world.expired).toEqual([]);
    await world.clock.advance(1);
    expect(world.expired).toEqual(['n/a', 'n/b', 'n/c']);
  });
});
