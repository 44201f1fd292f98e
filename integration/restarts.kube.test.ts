import {afterAll, afterEach, beforeAll, describe, expect, test} from '@jest/globals';
import {Ledger} from './support/ledger.ts';
import {System} from './support/system.ts';

let system: System;
let namespace: string;
let ledger: Ledger;

beforeAll(async () => {
  system = await System.start();
  namespace = await system.createNamespace();
  await system.createRuntime(namespace, {replicas: 2, runs: 4});
  ledger = new Ledger(system.directory);
}, 120_000);
afterEach(() => ledger.clear());
afterAll(() => system?.stop());

/** Creates Runs, does `harm` while some of them run, and checks that each ended once, correctly. */
async function survives(count: number, harm: () => Promise<void>): Promise<void> {
  const runs = await Promise.all(
    Array.from({length: count}, () =>
      system.create(namespace, {source: {inline: ledger.script('sleep 1.5; echo "done=yes" >> "$KRUNTIME_OUTPUTS"')}}),
    ),
  );
  await ledger.started(1);
  await harm();
  const ended = await Promise.all(runs.map(({metadata}) => system.ended(namespace, metadata?.name ?? '', 60_000)));
  expect(ended.map(({status}) => [status?.phase, status?.exitCode, status?.outputs])).toEqual(
    ended.map(() => ['Succeeded', 0, {done: 'yes'}]),
  );
  // A program ran once for every Run. Whoever is killed between preparing an attempt and starting it loses that attempt, and only that.
  expect(ledger.read()).toEqual(
    ended
      .map(({metadata, status}) => ({uid: metadata?.uid, attempt: status?.attempt ?? 0, ends: 1}))
      .toSorted(Ledger.order),
  );
  for (const {status} of ended) expect(status?.disruptions ?? 0).toBe((status?.attempt ?? 0) - 1);
}

describe('kill -9 in the middle of Runs', () => {
  test('of runtimed: it finds its Runs again', async () => {
    const [pod = ''] = await system.podNames(namespace);
    await survives(6, () => system.killRuntimed(namespace, pod));
  }, 120_000);

  test('of every runtimed at once', async () => {
    await survives(6, async () => {
      const pods = await system.podNames(namespace);
      await Promise.all(pods.map((pod) => system.killRuntimed(namespace, pod)));
    });
  }, 120_000);

  test('of the scheduler: Runs that wait are bound by the next one', async () => {
    await survives(20, () => system.restart('scheduler'));
  }, 120_000);

  test('of the controller: it takes up where it was', async () => {
    await survives(6, () => system.restart('controller'));
    await system.scaleRuntime(namespace, 3);
    await system.scaleRuntime(namespace, 2);
  }, 120_000);

  test('of a Runtime server: what it ran is lost and runs again elsewhere or anew', async () => {
    const run = await system.create(namespace, {source: {inline: ledger.script('sleep 2')}});
    const running = await system.phase(namespace, run.metadata?.name ?? '', 'Running');
    await system.killRuntimeServer(namespace, running.status?.assignedPod ?? '');
    const ended = await system.ended(namespace, run.metadata?.name ?? '', 60_000);
    expect(ended.status).toMatchObject({phase: 'Succeeded', attempt: 2, disruptions: 1});
    expect(ended.status?.attempts?.[0]).toMatchObject({number: 1, reason: 'ExecutionLost'});
    expect(ledger.read()).toEqual([
      {uid: run.metadata?.uid, attempt: 1, ends: 0},
      {uid: run.metadata?.uid, attempt: 2, ends: 1},
    ]);
  }, 120_000);
});
