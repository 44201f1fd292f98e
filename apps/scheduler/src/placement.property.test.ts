import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {Placement, type PlacementPod, type PlacementRun} from './placement.ts';
import {fits, type Resources} from './resources.ts';

/** The same rules as Placement's, by looking at everything each time. */
class NaivePlacement {
  readonly pods = new Map<string, PlacementPod>();
  readonly pending = new Map<string, PlacementRun & {sequence: number}>();
  readonly reserved = new Map<string, {run: PlacementRun; pod: string}>();

  free(pod: PlacementPod): Resources {
    const free: Record<string, number> = {...pod.capacity};
    for (const {run, pod: uid} of this.reserved.values()) {
      if (uid !== pod.uid) continue;
      for (const [name, amount] of Object.entries(run.requests)) free[name] = (free[name] ?? 0) - amount;
    }
    return free;
  }

  fittingPods(run: PlacementRun): PlacementPod[] {
    return [...this.pods.values()].filter(
      (pod) => pod.open && pod.runtime === run.runtime && fits(run.requests, this.free(pod)),
    );
  }

  /** Placeable Runs of one Runtime, the one to go first in front. */
  placeable(runtime: string): PlacementRun[] {
    return [...this.pending.values()]
      .filter((run) => run.runtime === runtime && this.fittingPods(run).length > 0)
      .sort((a, b) => b.priority - a.priority || a.queuedAt - b.queuedAt || a.sequence - b.sequence);
  }
}

const runtimes = ['ns1/bash', 'ns2/bash', 'ns1/python'];
const podUIDs = ['p0', 'p1', 'p2', 'p3', 'p4', 'p5'];
const runUIDs = Array.from({length: 14}, (_, i) => `r${i}`);

const requests: fc.Arbitrary<Resources> = fc.oneof(
  {weight: 4, arbitrary: fc.constant({runs: 1})},
  {weight: 1, arbitrary: fc.constant({runs: 3})},
  {weight: 1, arbitrary: fc.constant({runs: 1, gpu: 1})},
);
const event = fc.oneof(
  fc.record({
    kind: fc.constant('pod' as const),
    uid: fc.constantFrom(...podUIDs),
    capacity: fc.constantFrom<Resources>({runs: 1}, {runs: 3}, {runs: 4, gpu: 1}),
    open: fc.boolean(),
  }),
  fc.record({kind: fc.constant('deletePod' as const), uid: fc.constantFrom(...podUIDs)}),
  fc.record({
    kind: fc.constant('pending' as const),
    uid: fc.constantFrom(...runUIDs),
    priority: fc.integer({min: 0, max: 2}),
    queuedAt: fc.integer({min: 0, max: 3}),
    requests,
  }),
  fc.record({
    kind: fc.constant('reserved' as const),
    uid: fc.constantFrom(...runUIDs),
    pod: fc.constantFrom(...podUIDs),
  }),
  fc.record({kind: fc.constant('deleteRun' as const), uid: fc.constantFrom(...runUIDs)}),
  fc.record({kind: fc.constant('place' as const), most: fc.integer({min: 1, max: 20})}),
);

/** A UID belongs to one Runtime for good. */
const podRuntime = (uid: string): string => runtimes[Number(uid.slice(1)) % 3] as string;
const runRuntime = (uid: string): string => runtimes[Number(uid.slice(1)) % 3] as string;

describe('Placement against a naive model', () => {
  test('never over capacity, never on a foreign or closed Pod, by rank, and none that fits is left waiting', () => {
    fc.assert(
      fc.property(fc.array(event, {maxLength: 120}), (events) => {
        // Endless patience: what happens to overtaken Runs is the next test's.
        const model = new Placement({patienceMs: Number.POSITIVE_INFINITY});
        const naive = new NaivePlacement();
        const specs = new Map<string, PlacementRun>();
        const sequences = new Map<string, number>();
        let sequence = 0;

        const placeOne = (): boolean => {
          const decision = model.next(0);
          if (decision === undefined) return false;
          const run = naive.pending.get(decision.run);
          if (run === undefined) throw new Error(`placed ${decision.run}, which does not wait`);
          expect(naive.fittingPods(run).map((pod) => pod.uid)).toContain(decision.pod.uid);
          expect(naive.placeable(run.runtime)[0]?.uid).toBe(run.uid);
          naive.pending.delete(run.uid);
          naive.reserved.set(run.uid, {run, pod: decision.pod.uid});
          return true;
        };

        for (const next of events) {
          if (next.kind === 'pod') {
            const pod = {
              uid: next.uid,
              name: next.uid,
              runtime: podRuntime(next.uid),
              capacity: next.capacity,
              open: next.open,
            };
            model.setPod(pod);
            naive.pods.set(pod.uid, pod);
          } else if (next.kind === 'deletePod') {
            model.deletePod(next.uid);
            naive.pods.delete(next.uid);
          } else if (next.kind === 'pending') {
            const known = specs.get(next.uid);
            const run = known ?? {...next, runtime: runRuntime(next.uid)};
            specs.set(next.uid, run);
            if (!sequences.has(next.uid)) sequences.set(next.uid, sequence++);
            model.setPending(run, 0);
            naive.reserved.delete(run.uid);
            naive.pending.set(run.uid, {...run, sequence: sequences.get(run.uid) as number});
          } else if (next.kind === 'reserved') {
            const run = specs.get(next.uid);
            if (run === undefined) continue;
            model.setReserved(run, next.pod);
            naive.pending.delete(run.uid);
            naive.reserved.set(run.uid, {run, pod: next.pod});
          } else if (next.kind === 'deleteRun') {
            model.deleteRun(next.uid);
            specs.delete(next.uid);
            sequences.delete(next.uid);
            naive.pending.delete(next.uid);
            naive.reserved.delete(next.uid);
          } else {
            for (let i = 0; i < next.most && placeOne(); i++);
          }
        }
        while (placeOne());
        for (const runtime of runtimes) expect(naive.placeable(runtime)).toEqual([]);

        // Nothing is lost, nothing is invented.
        const waiting = new Map([...model.load()].map((load) => [load.runtime, load.waiting]));
        for (const runtime of runtimes) {
          const expected = [...naive.pending.values()].filter((run) => run.runtime === runtime).length;
          expect(waiting.get(runtime) ?? 0).toBe(expected);
        }
        for (const run of naive.pending.values()) expect(model.obstacle(run.uid)).toBeDefined();
        expect(model.sizes.runs).toBe(naive.pending.size + naive.reserved.size);
        for (const uid of podUIDs) {
          const reserved: Record<string, number> = {};
          for (const {run, pod} of naive.reserved.values()) {
            if (pod !== uid) continue;
            for (const [name, amount] of Object.entries(run.requests)) reserved[name] = (reserved[name] ?? 0) + amount;
          }
          expect(model.reserved(uid)).toEqual(reserved);
        }

        // When all is deleted, nothing is kept.
        for (const uid of specs.keys()) model.deleteRun(uid);
        for (const uid of podUIDs) model.deletePod(uid);
        expect(model.sizes).toEqual({runtimes: 0, pods: 0, runs: 0});
      }),
      {numRuns: 300},
    );
  });

  test('a large Run gets its Pod under an endless stream of small ones, and no Pod is ever over capacity', () => {
    const pods = fc.integer({min: 1, max: 4});
    fc.assert(
      fc.property(pods, fc.integer({min: 2, max: 4}), fc.infiniteStream(fc.nat()), (podCount, size, choices) => {
        const model = new Placement({patienceMs: 10});
        const capacity = {runs: 4};
        model.setRuntime({key: 'n/r', capacity});
        for (let i = 0; i < podCount; i++)
          model.setPod({uid: `p${i}`, name: `p${i}`, runtime: 'n/r', capacity, open: true});
        const running: {run: string; pod: string}[] = [];
        let smalls = 0;
        const feed = () => {
          for (let i = 0; i < 2; i++) {
            const uid = `s${smalls++}`;
            model.setPending({uid, runtime: 'n/r', requests: {runs: 1}, priority: 0, queuedAt: smalls}, smalls);
          }
        };
        while (smalls < 8 * podCount) feed();
        model.setPending({uid: 'large', runtime: 'n/r', requests: {runs: size}, priority: 0, queuedAt: 0}, 0);
        let placed = false;
        for (let now = 0; now < 400 && !placed; now++) {
          for (let d = model.next(now); d !== undefined; d = model.next(now)) {
            if (d.run === 'large') placed = true;
            running.push({run: d.run, pod: d.pod.uid});
            expect(model.reserved(d.pod.uid).runs).toBeLessThanOrEqual(4);
          }
          const index = (choices.next().value as number) % running.length;
          const [ended] = running.splice(index, 1);
          if (ended !== undefined) model.deleteRun(ended.run);
          feed();
        }
        expect(placed).toBe(true);
      }),
    );
  });
});
