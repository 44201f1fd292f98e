import {describe, expect, test} from '@jest/globals';
import {
  bindStatus,
  cancelPendingStatus,
  endAttemptStatus,
  fenceOf,
  isTerminal,
  type Outcome,
} from '@kruntimes/api-types';
import {Metrics, silentLogger} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {trace} from '@opentelemetry/api';
import fc from 'fast-check';
import {Scheduler} from './scheduler.ts';
import {type HeldWrite, SimulatedCluster} from './simulated-cluster.fixture.ts';

const SLOTS = 2;
const PODS = ['p0', 'p1', 'p2'];

const step = fc.oneof(
  {weight: 6, arbitrary: fc.record({do: fc.constant('create' as const), priority: fc.integer({min: 0, max: 2})})},
  {weight: 10, arbitrary: fc.record({do: fc.constant('commit' as const), index: fc.nat()})},
  {weight: 2, arbitrary: fc.record({do: fc.constant('commitUnheard' as const), index: fc.nat()})},
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fail' as const),
      index: fc.nat(),
      status: fc.constantFrom(0, 409, 422, 500, 503),
    }),
  },
  {weight: 8, arbitrary: fc.record({do: fc.constant('deliver' as const), most: fc.integer({min: 1, max: 5})})},
  {
    weight: 6,
    arbitrary: fc.record({do: fc.constant('end' as const), index: fc.nat(), lost: fc.boolean()}),
  },
  {weight: 2, arbitrary: fc.record({do: fc.constant('touch' as const), index: fc.nat()})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('cancel' as const), index: fc.nat()})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('delete' as const), index: fc.nat()})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('closePod' as const), pod: fc.constantFrom(...PODS)})},
  {weight: 2, arbitrary: fc.record({do: fc.constant('openPod' as const), pod: fc.constantFrom(...PODS)})},
  {weight: 4, arbitrary: fc.record({do: fc.constant('wait' as const), ms: fc.integer({min: 1, max: 3_000})})},
  {weight: 1, arbitrary: fc.record({do: fc.constant('restart' as const)})},
);

/** Runs a scheduler against a cluster whose writes and events come, fail and get lost in any order. */
class Simulation {
  readonly cluster = new SimulatedCluster();
  readonly clock = new ManualClock();
  readonly #created = new Set<string>();
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor() {
    this.cluster.holdWrites = true;
    this.cluster.addRuntime('default', 'bash', {runs: SLOTS});
    this.openPods();
    this.startScheduler();
  }

  openPods(): void {
    for (const pod of PODS) this.cluster.addPod('default', 'bash', pod);
  }

  startScheduler(): void {
    this.cluster.restartWatch();
    this.cluster.runs.lagging = true;
    this.#stop = new AbortController();
    const scheduler = new Scheduler({
      runs: this.cluster.runs,
      sources: this.cluster.sources,
      write: this.cluster.write,
      clock: this.clock,
      random: () => 0.5,
      logger: silentLogger,
      metrics: new Metrics(),
      tracer: trace.getTracer('test'),
    });
    this.#running = scheduler.start(this.#stop.signal);
  }

  async stopScheduler(): Promise<void> {
    this.#stop.abort();
    for (const held of [...this.cluster.heldWrites]) held.fail(0);
    await this.#running;
  }

  create(priority: number): void {
    const name = `r${this.#created.size}`;
    this.#created.add(name);
    this.cluster.addRun('default', name, {priority});
  }

  held(index: number): HeldWrite | undefined {
    const {heldWrites} = this.cluster;
    return heldWrites[index % Math.max(1, heldWrites.length)];
  }

  /** A Run that has not ended. */
  live(index: number): string | undefined {
    const live = [...this.cluster.storedRuns.entries()].filter(([, run]) => !isTerminal(run.status?.phase));
    return live[index % Math.max(1, live.length)]?.[0];
  }

  end(index: number, lost: boolean): void {
    const bound = [...this.cluster.storedRuns.entries()].filter(([, run]) => fenceOf(run) !== undefined);
    const [key] = bound[index % Math.max(1, bound.length)] ?? [];
    if (key === undefined) return;
    const outcome: Outcome = lost
      ? {kind: 'lost', reason: 'ExecutionLost', message: 'lost'}
      : {kind: 'exited', exitCode: 0};
    this.cluster.changeRun(key, (run) => {
      const fence = fenceOf(run);
      if (fence === undefined) throw new Error('not bound');
      return {
        ...run,
        status: endAttemptStatus(run, fence, {outcome}, {now: new Date(this.clock.now()), random: () => 0.5}),
      };
    });
  }

  /** Never more on a Pod than it has slots. */
  assertCapacity(): void {
    const used = new Map<string, number>();
    for (const run of this.cluster.storedRuns.values()) {
      const fence = fenceOf(run);
      if (fence !== undefined) used.set(fence.podUID, (used.get(fence.podUID) ?? 0) + 1);
    }
    for (const [pod, count] of used) {
      if (count > SLOTS) throw new Error(`${count} Runs on Pod ${pod}`);
    }
  }
}

describe('Scheduler in a hostile world', () => {
  test('no Pod is ever over capacity, and every Run ends once the world is friendly', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, {minLength: 20, maxLength: 120}), async (steps) => {
        const world = new Simulation();
        const {cluster, clock} = world;
        for (const next of steps) {
          switch (next.do) {
            case 'create':
              world.create(next.priority);
              break;
            case 'commit':
              world.held(next.index)?.commit();
              break;
            case 'commitUnheard':
              world.held(next.index)?.commitUnheard();
              break;
            case 'fail':
              world.held(next.index)?.fail(next.status);
              break;
            case 'deliver':
              cluster.runs.deliver(next.most);
              break;
            case 'end':
              world.end(next.index, next.lost);
              break;
            case 'touch': {
              const key = world.live(next.index);
              if (key !== undefined) cluster.changeRun(key, (run) => run);
              break;
            }
            case 'cancel': {
              const key = world.live(next.index);
              if (key !== undefined)
                cluster.changeRun(key, (run) => ({...run, spec: {...run.spec, cancelRequested: true}}));
              break;
            }
            case 'delete': {
              const key = world.live(next.index);
              if (key !== undefined) cluster.deleteRun(key);
              break;
            }
            case 'closePod':
              cluster.addPod('default', 'bash', next.pod, (pod) => ({
                ...pod,
                status: {phase: 'Running', conditions: []},
              }));
              break;
            case 'openPod':
              cluster.addPod('default', 'bash', next.pod);
              break;
            case 'wait':
              await clock.advance(next.ms);
              break;
            case 'restart':
              await world.stopScheduler();
              world.startScheduler();
              break;
          }
          await clock.advance(0);
          world.assertCapacity();
        }

        for (let round = 0; round < 400; round++) {
          for (const held of [...cluster.heldWrites]) held.commit();
          await clock.advance(0);
          cluster.runs.deliver();
          await clock.advance(0);
          world.assertCapacity();
          if (![...cluster.storedRuns.values()].some((run) => !isTerminal(run.status?.phase))) break;
          world.openPods();
          for (const run of cluster.storedRuns.values()) if (fenceOf(run) !== undefined) world.end(0, false);
          await clock.advance(5_000);
        }
        const unfinished = [...cluster.storedRuns.values()].filter((run) => !isTerminal(run.status?.phase));
        await world.stopScheduler();
        expect(unfinished).toEqual([]);
        expect(clock.pendingTimers).toBe(0);
        for (const {status} of cluster.written) expect(['Scheduled', 'Cancelled', 'Pending']).toContain(status.phase);
      }),
      {numRuns: 400},
    );
  });

  test('the lifecycle functions refuse what the scheduler must not write', () => {
    const run = {metadata: {uid: 'u'}, spec: {runtime: 'bash'}, status: {phase: 'Running' as const}};
    expect(() => bindStatus(run, {name: 'p', uid: 'p'}, new Date(0))).toThrow();
    expect(() => cancelPendingStatus(run, new Date(0))).toThrow();
  });
});
