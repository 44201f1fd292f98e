import {mkdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {describe, expect, jest, test} from '@jest/globals';
import {
  EndReason,
  ExecuteRequest,
  ExecutionState,
  type SessionResponse,
  type StatusResponse,
} from '@kruntimes/runtime-protocol';
import * as fc from 'fast-check';
import {ClientError, ServerError, Status} from 'nice-grpc-common';
import {FakeSession, fakeExecutor} from './executor.fixture.ts';
import type {Executor} from './executor.ts';
import type {FakeProcess} from './fake-supervisor.fixture.ts';
import {livingProcesses} from './living-processes.fixture.ts';
import {settle} from './manual-clock.fixture.ts';
import {defineRuntime} from './runtime-definition.ts';
import {startRuntime, type TestRuntime} from './testing/test-runtime.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

const ids = ['a', 'b', 'c'];
const ended: readonly ExecutionState[] = [ExecutionState.SUCCEEDED, ExecutionState.FAILED];

interface Step {
  readonly call: 'execute' | 'execute differently' | 'status' | 'list' | 'cancel' | 'forget';
  readonly id: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  // Most of a life is Execute and Status; Forget must meet executions in every state.
  call: fc.constantFrom(
    'execute',
    'execute',
    'execute',
    'execute differently',
    'status',
    'status',
    'list',
    'cancel',
    'forget',
    'forget',
  ),
  id: fc.constantFrom(...ids),
});

/** Looks at every answer, and notes what a server must never do. */
class Observer {
  readonly violations: string[] = [];
  readonly #forgets = new Map<string, number>();
  readonly #snapshots: {given: Readonly<StatusResponse>; copy: string}[] = [];
  readonly #last = new Map<string, StatusResponse>();
  readonly #processes: FakeProcess[] = [];

  launched(process: FakeProcess): void {
    const {id} = process;
    const earlier = this.#processes.filter((other) => other.id === id);
    this.#processes.push(process);
    this.#check(
      earlier.every(({isGone}) => isGone),
      `two programs of ${id} at once`,
    );
    this.#check(earlier.length <= (this.#forgets.get(id) ?? 0), `${id} was started again without Forget`);
  }

  seen(snapshot: Readonly<StatusResponse>): void {
    const {id, state} = snapshot;
    this.#snapshots.push({given: snapshot, copy: JSON.stringify(snapshot)});
    this.#check(Object.isFrozen(snapshot), `a snapshot of ${id} can be changed`);
    const last = this.#last.get(id);
    this.#last.set(id, snapshot);
    if (last === undefined) return;
    this.#check(state >= last.state, `${id} went from state ${last.state} to ${state}`);
    if (ended.includes(last.state)) {
      this.#check(JSON.stringify(last) === JSON.stringify(snapshot), `${id} changed after its end`);
    }
  }

  forgotten(id: string, before: StatusResponse | undefined): void {
    this.#check(before !== undefined && ended.includes(before.state), `${id} was forgotten before its end`);
    this.#forgets.set(id, (this.#forgets.get(id) ?? 0) + 1);
    this.#last.delete(id);
  }

  failed(call: Step['call'], error: unknown): void {
    const code = error instanceof ServerError ? error.code : undefined;
    this.#check(code !== undefined && allowed[call].includes(code), `${call} failed: ${String(error)}`);
  }

  /** Each life of an id is numbered from 1 without gaps, and ends once, at its end. */
  told(responses: readonly SessionResponse[]): void {
    const lives = new Map<string, {sequence: bigint; hasEnded: boolean}>();
    for (const {kind} of responses) {
      if (kind?.$case !== 'state' && kind?.$case !== 'output') continue;
      const {id, sequence} = kind.value;
      const life = sequence === 1n ? undefined : lives.get(id);
      this.#check(sequence === (life?.sequence ?? 0n) + 1n, `event ${sequence} of ${id} came out of order`);
      this.#check(life?.hasEnded !== true, `event ${sequence} of ${id} came after its end`);
      const hasEnded = kind.$case === 'state' && kind.value.endReason !== EndReason.UNSPECIFIED;
      lives.set(id, {sequence, hasEnded});
    }
  }

  /** Everything was cancelled, and time has passed. */
  finished(entries: readonly StatusResponse[]): void {
    for (const {id, state} of entries) this.#check(ended.includes(state), `${id} never ended`);
    for (const {id, isGone} of this.#processes) this.#check(isGone, `a program of ${id} is left`);
    for (const {given, copy} of this.#snapshots) {
      this.#check(JSON.stringify(given) === copy, `a snapshot of ${given.id} was changed`);
    }
  }

  #check(holds: boolean, violation: string): void {
    if (!holds) this.violations.push(violation);
  }
}

/** The error codes that each call may be answered with. */
const allowed: Readonly<Record<Step['call'], readonly Status[]>> = {
  execute: [Status.ALREADY_EXISTS],
  'execute differently': [Status.ALREADY_EXISTS],
  status: [Status.NOT_FOUND],
  list: [],
  cancel: [Status.NOT_FOUND],
  forget: [Status.NOT_FOUND, Status.FAILED_PRECONDITION],
};

describe('calls against each other', () => {
  test('with programs that start, print, exit and vanish in any order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), fc.array(step, {minLength: 5, maxLength: 60}), async (scheduler, steps) => {
        const observer = new Observer();
        const {executor, supervisor, hub} = fakeExecutor({
          runtime: defineRuntime({
            name: 'scheduled',
            command: ({args}) => scheduler.schedule(Promise.resolve({command: 'x', args}), 'command'),
          }),
        });
        supervisor.beforeLaunch = () => scheduler.schedule(Promise.resolve(), 'launch');
        supervisor.afterLaunch = (process) => {
          observer.launched(process);
          void live(process, scheduler);
        };
        const session = new FakeSession(hub);
        const calls = steps.map(async ({call, id}) => {
          await scheduler.schedule(Promise.resolve(), call);
          try {
            make(call, id, executor, observer);
          } catch (error) {
            observer.failed(call, error);
          }
        });
        await scheduler.waitFor(Promise.all(calls));
        for (const {id} of executor.list().entries) executor.cancel({id});
        for (let round = 0; round < 3; round++) {
          await scheduler.waitIdle();
          await settle();
        }
        const {entries} = executor.list();
        entries.forEach((entry) => observer.seen(entry));
        observer.finished(entries);
        observer.told(session.responses);
        expect(observer.violations).toEqual([]);
      }),
      {seed: 20260101, numRuns: 150},
    );
  });

  test.each([1, 2, 3])('over the wire, with real programs and four clients at once, seed %i', async (seed) => {
    const runtime = defineRuntime({
      name: 'real',
      // Leaves a mark for each start; some end by themselves.
      command: ({id}) => ({
        command: 'sh',
        args: ['-c', `echo started >> ../starts-of-$0; ${id === 'a' ? 'exec sleep 1000' : 'echo done'}`, id],
      }),
    });
    const server = await startRuntime(runtime, {graceMs: 1_000});
    try {
      for (const id of ids) await mkdir(join(server.workspaceRoot, id));
      const forgets = new Map(ids.map((id) => [id, 0]));
      const clients = fc.sample(fc.array(step, {minLength: 60, maxLength: 60}), {seed, numRuns: 4});
      await Promise.all(
        clients.map(async (steps) => {
          for (const {call, id} of steps) {
            const code = await answer(server, call, id);
            expect([Status.OK, ...allowed[call]]).toContain(code);
            if (call === 'forget' && code === Status.OK) forgets.set(id, (forgets.get(id) ?? 0) + 1);
          }
        }),
      );
      for (const id of ids) await answer(server, 'cancel', id);
      const {entries} = await server.client.list({});
      await server.server.close();
      for (const {id} of entries) {
        const starts = await readFile(join(server.workspaceRoot, `starts-of-${id}`), 'utf8').catch(() => '');
        expect(starts.split('started').length - 1).toBeLessThanOrEqual(1 + (forgets.get(id) ?? 0));
      }
      expect(livingProcesses({directory: server.directory})).toEqual([]);
    } finally {
      await server.close();
    }
  });
});

/** Makes a call, and shows the observer what it answers. */
function make(call: Step['call'], id: string, executor: Executor, observer: Observer): void {
  switch (call) {
    case 'execute':
    case 'execute differently':
      executor.execute(ExecuteRequest.fromPartial({id, args: [call]}));
      break;
    case 'status':
      observer.seen(executor.status({id}));
      break;
    case 'list':
      executor.list().entries.forEach((entry) => observer.seen(entry));
      break;
    case 'cancel':
      executor.cancel({id});
      break;
    case 'forget': {
      const before = executor.list().entries.find((entry) => entry.id === id);
      executor.forget({id});
      observer.forgotten(id, before);
      break;
    }
  }
}

/** Makes a call over the wire; returns the code of its answer. */
async function answer({client}: TestRuntime, call: Step['call'], id: string): Promise<Status> {
  try {
    switch (call) {
      case 'execute':
      case 'execute differently':
        await client.execute({id, args: [call]});
        break;
      case 'status':
        await client.status({id});
        break;
      case 'list':
        await client.list({});
        break;
      case 'cancel':
        await client.cancel({id});
        break;
      case 'forget':
        await client.forget({id});
        break;
    }
    return Status.OK;
  } catch (error) {
    if (error instanceof ClientError) return error.code;
    throw error;
  }
}

/** A program prints, ends and vanishes when the scheduler says so; by itself or because it is told to. */
async function live(process: FakeProcess, scheduler: fc.Scheduler): Promise<void> {
  const told = new Promise<void>((resolve) => {
    process.onEnd = resolve;
  });
  await scheduler.schedule(Promise.resolve(), 'print');
  process.stdout.write('printed');
  await Promise.race([told, scheduler.schedule(Promise.resolve(), 'work')]);
  process.exit(process.ends.length > 0 ? {signal: 'SIGTERM'} : {exitCode: 0});
  await scheduler.schedule(Promise.resolve(), 'vanish');
  process.vanish();
}
