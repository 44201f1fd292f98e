import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {Ledger} from './support/ledger.ts';
import {System} from './support/system.ts';

const RUNS = 500;
const BOUND_MS = 60_000;

let system: System;
let namespace: string;
let ledger: Ledger;

beforeAll(async () => {
  system = await System.start({faultProxy: true});
  namespace = await system.createNamespace();
  await system.createRuntime(namespace, {replicas: 2, runs: 8});
  ledger = new Ledger(system.directory);
}, 120_000);
afterAll(() => system?.stop());

test('watches that are cut every 200 ms lose no Run and run none twice', async () => {
  const cutting = system.faultProxy.cutEvery(200, {watch: true});
  const started = performance.now();
  const names: string[] = [];
  for (let created = 0; created < RUNS; created += 50) {
    const batch = Array.from({length: 50}, () => system.create(namespace, {source: {inline: ledger.script('true')}}));
    names.push(...(await Promise.all(batch)).map(({metadata}) => metadata?.name ?? ''));
  }
  const ended = await Promise.all(names.map((name) => system.ended(namespace, name, BOUND_MS)));
  const elapsed = performance.now() - started;
  cutting.stop();
  expect(ended.map(({status}) => [status?.phase, status?.attempt])).toEqual(ended.map(() => ['Succeeded', 1]));
  expect(ledger.read()).toEqual(
    ended.map(({metadata}) => ({uid: metadata?.uid, attempt: 1, ends: 1})).toSorted(Ledger.order),
  );
  expect(elapsed).toBeLessThan(BOUND_MS);
  expect(system.faultProxy.requests.filter(({watch}) => watch).length).toBeGreaterThan(50);
}, 180_000);
