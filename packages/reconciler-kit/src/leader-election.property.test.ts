import {expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import type {Clock} from './clock.ts';
import {LeaderElector} from './leader-election.ts';
import {type Fault, LeaseServer, type Network} from './lease-server.fixture.ts';
import {ManualClock} from './testing/manual-clock.ts';

/** A machine whose clock shows another time and runs a little fast or slow. */
function skewed(clock: ManualClock, offsetMs: number, rate: number): Clock {
  return {
    now: () => clock.now() + offsetMs,
    monotonic: () => clock.monotonic() * rate,
    setTimeout: (fn, ms) => clock.setTimeout(fn, ms / rate),
    sleep: (ms, signal) => clock.sleep(ms / rate, signal),
  };
}

/** Numbers that look random, the same for the same seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const machine = fc.record({
  offsetMs: fc.integer({min: -3_600_000, max: 3_600_000}),
  rate: fc.double({min: 0.97, max: 1.03, noNaN: true}),
});

const scenario = fc.record({
  machines: fc.array(machine, {minLength: 2, maxLength: 3}),
  renewDeadlineMs: fc.constantFrom(10_000, 14_000),
  faultPercent: fc.integer({min: 0, max: 25}),
  seed: fc.integer(),
});

test('there are never two leaders at once, and soon one when the network works', async () => {
  let terms = 0;
  await fc.assert(
    fc.asyncProperty(scenario, async ({machines, renewDeadlineMs, faultPercent, seed}) => {
      const clock = new ManualClock();
      const server = new LeaseServer(clock);
      const random = randomFrom(seed);
      const oneIn = (n: number) => random() * n < 1;
      const anyFault = () => (['refused', 'answer lost', 'hangs'] as const)[Math.floor(random() * 3)] ?? 'none';
      let faulty = true;

      const networks = machines.map((): {outage: {until: number; fault: Fault}; use: Network} => ({
        outage: {until: 0, fault: 'none'},
        use() {
          const slowestMs = faulty && oneIn(8) ? 8_000 : 300;
          const inOutage = clock.monotonic() < this.outage.until;
          const single = faulty && random() * 100 < faultPercent ? anyFault() : 'none';
          const fault = inOutage ? this.outage.fault : single;
          return {thereMs: random() * slowestMs, backMs: random() * slowestMs, fault};
        },
      }));

      let starts = 0;
      const boot = (index: number) => {
        const {offsetMs = 0, rate = 1} = machines[index] ?? {};
        const stop = new AbortController();
        const leases = server.leasesThrough(() => networks[index]!.use());
        const elector = new LeaderElector({
          client: {kind: () => leases},
          namespace: 'ns',
          name: 'lock',
          identity: `process-${starts++}`,
          renewDeadlineMs,
          clock: skewed(clock, offsetMs, rate),
          random,
        });
        const process = {elector, stop, ended: false};
        const onEnd = () => {
          process.ended = true;
        };
        elector.run({onStartedLeading: () => void terms++}, stop.signal).then(onEnd, onEnd);
        return process;
      };

      let processes = machines.map((_, index) => boot(index));
      const leaders = () => processes.filter(({elector}) => elector.isLeader).length;
      const live = async (steps: number) => {
        for (let i = 0; i < steps; i++) {
          await clock.advance(250);
          expect(leaders()).toBeLessThanOrEqual(1);
          // A process that ended is started again.
          processes = processes.map((process, index) => (process.ended ? boot(index) : process));
          if (!faulty) continue;
          // Now and then one is told to stop, in the middle of whatever it does, or its network goes away for a while.
          for (const process of processes) if (oneIn(400)) process.stop.abort();
          for (const network of networks) {
            if (oneIn(100)) network.outage = {until: clock.monotonic() + 5_000 + random() * 25_000, fault: anyFault()};
          }
        }
      };
      await live(1_000);
      faulty = false;
      await live(300);
      expect(leaders()).toBe(1);
    }),
    {numRuns: 100},
  );
  // The property would hold for electors that never lead.
  expect(terms).toBeGreaterThan(300);
}, 60_000);
