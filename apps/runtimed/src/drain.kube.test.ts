import {existsSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {RUNTIMED_READY_CONDITION, type Run, runKind} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {PodWorld, type StartedRuntimed} from './pod-world.fixture.ts';

let world: PodWorld;
let started: StartedRuntimed;

beforeEach(async () => {
  world = await PodWorld.create();
  await world.serveRuntime({graceMs: 10_000});
  started = world.startRuntimed({capacity: {runs: 1}, runningStatusDelayMs: 10});
  await world.untilPod(isReady);
});

afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const conditionOf = (pod: Pod) => pod.status?.conditions?.find(({type}) => type === RUNTIMED_READY_CONDITION);
const isReady = (pod: Pod) => conditionOf(pod)?.status === 'True';
const isDraining = (pod: Pod) => conditionOf(pod)?.reason === 'PodTerminating' && conditionOf(pod)?.status === 'False';
const inPhase = (phase: string) => (run: Run) => run.status?.phase === phase;
const runs = () => world.client.kind(runKind);
const stored = (name: string) => runs().get(name, {namespace: world.namespace});
const remove = (gracePeriodSeconds: number) => world.client.kind(kinds.Pod).delete(world.pod, {gracePeriodSeconds});

/** As the kubelet asks. */
const ask = () => fetch(`http://127.0.0.1:${started.runtimed.drainPort}/drain`);

/** Programs write to it. */
const notes = () => join(world.directory, 'notes');
const readNotes = () => (existsSync(notes()) ? readFileSync(notes(), 'utf8') : '');
const go = () => writeFileSync(join(world.directory, 'go'), '');
const untilGo = () => `until [ -e '${join(world.directory, 'go')}' ]; do sleep 0.02; done`;

describe('/drain', () => {
  test('is refused while nobody deletes the Pod, and the Pod goes on', async () => {
    const answer = await ask();
    expect([answer.status, await answer.text()]).toEqual([409, expect.stringContaining('is not being deleted')]);
    expect((await world.execute('run', 'true\n')).status?.phase).toBe('Succeeded');
    expect(isReady(await world.client.kind(kinds.Pod).get(world.pod.name, world.pod))).toBe(true);
  });

  test('lets what runs run on, gives back what waits or comes late, and answers when nothing is left', async () => {
    await world.run('running', `${untilGo()}; echo done >> '${notes()}'\n`);
    await world.until('running', inPhase('Running'));
    await world.run('waiting', `echo waiting >> '${notes()}'\n`);
    await remove(3600);
    let answered = false;
    const answer = ask().then(async (response) => {
      answered = true;
      return [response.status, await response.text()];
    });
    await world.untilPod(isDraining);
    await world.run('late', `echo late >> '${notes()}'\n`);
    for (const name of ['waiting', 'late']) {
      expect((await world.until(name, inPhase('Pending'))).status).toMatchObject({
        reason: 'PodTerminating',
        disruptions: 1,
      });
    }
    expect((await stored('running')).status?.phase).toBe('Running');
    expect(answered).toBe(false);
    go();
    expect(await answer).toEqual([200, 'all Runs have ended\n']);
    expect((await stored('running')).status).toMatchObject({phase: 'Succeeded', attempt: 1});
    expect(readNotes()).toBe('done\n');
    expect(world.workspaces()).toEqual([]);
  }, 60_000);

  test('ends what runs when the grace period is nearly over, and gives it back when it has ended', async () => {
    const program = `trap 'echo ended >> "${notes()}"; exit' TERM; echo begun >> '${notes()}'; while :; do sleep 0.05; done\n`;
    await world.run('run', program);
    await world.until('run', inPhase('Running'));
    await remove(20);
    const answer = ask();
    const back = await world.until('run', inPhase('Pending'));
    // Nothing of it runs any more when somebody else may take it.
    expect(readNotes()).toBe('begun\nended\n');
    expect(back.status).toMatchObject({reason: 'PodTerminating', disruptions: 1, attempts: [{number: 1}]});
    expect(await (await answer).text()).toBe('what had not ended in time was given back\n');
  }, 120_000);

  test('happens without being asked for, and a grace period that is shortened counts', async () => {
    await world.run('run', 'exec sleep 600\n');
    await world.until('run', inPhase('Running'));
    await remove(3600);
    await world.untilPod(isDraining);
    await remove(1);
    expect((await world.until('run', inPhase('Pending'))).status).toMatchObject({reason: 'PodTerminating'});
  }, 60_000);
});
