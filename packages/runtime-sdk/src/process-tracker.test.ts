import {describe, expect, test} from '@jest/globals';
import {systemClock} from './clock.ts';
import type {ProcessInfo, ProcessTable} from './process-table.ts';
import {ProcessTracker, type ProcessTrackerOptions} from './process-tracker.ts';

interface FakeProcess {
  parent: number;
  session: number;
  group?: number;
  startTime?: number;
  zombie?: boolean;
  name?: string;
  environment?: string[];
  directory?: string;
  outputs?: string[];
}

/** A process table that tests write. Process 1 is the machine's, 10 the server, 20 somebody's shell. */
class FakeTable implements ProcessTable {
  readonly processes = new Map<number, FakeProcess>([
    [1, {parent: 0, session: 1, name: 'systemd'}],
    [10, {parent: 1, session: 10, name: 'node'}],
    [20, {parent: 1, session: 20, name: 'bash'}],
  ]);
  reads = 0;

  pids(): number[] {
    return [...this.processes.keys()];
  }

  read(pid: number): ProcessInfo | undefined {
    this.reads++;
    const process = this.processes.get(pid);
    if (process === undefined) return undefined;
    const {parent, session, group = session, startTime = pid, zombie = false, name = 'program'} = process;
    return {pid, parent, session, group, startTime, zombie, name};
  }

  environment(pid: number): readonly string[] | undefined {
    return this.processes.get(pid)?.environment ?? [];
  }

  workingDirectory(pid: number): string | undefined {
    return this.processes.get(pid)?.directory ?? '/';
  }

  outputs(pid: number): readonly string[] {
    return this.processes.get(pid)?.outputs ?? [];
  }
}

function tracking(options: Partial<ProcessTrackerOptions> = {}) {
  const table = new FakeTable();
  const tracker = new ProcessTracker({
    table,
    clock: systemClock,
    self: 10,
    workspaceRoot: ['/workspace'],
    ...options,
  });
  /** Starts the main process of an execution. */
  const start = (id: string, pid: number): void => {
    table.processes.set(pid, {parent: 10, session: pid});
    tracker.track(id, {pid, workingDirectory: `/workspace/${id}`, outputs: [`/run/pipes/${id} (deleted)`]});
  };
  const members = async (id: string): Promise<number[]> =>
    (await tracker.members(id)).map(({pid}) => pid).toSorted((a, b) => a - b);
  return {table, tracker, start, members};
}

describe('ProcessTracker', () => {
  test('knows children by their session and their parent', async () => {
    const {table, start, members} = tracking();
    start('a', 100);
    start('b', 200);
    table.processes.set(101, {parent: 100, session: 100});
    table.processes.set(102, {parent: 101, session: 102});
    table.processes.set(103, {parent: 102, session: 102});
    expect(await members('a')).toEqual([100, 101, 102, 103]);
    expect(await members('b')).toEqual([200]);
  });

  test('knows an orphan by the ancestor it was seen with, in whatever session', async () => {
    const {table, start, members} = tracking();
    start('a', 100);
    table.processes.set(101, {parent: 100, session: 101});
    await members('a');
    table.processes.delete(100);
    table.processes.set(101, {parent: 1, session: 101});
    table.processes.set(102, {parent: 101, session: 102});
    expect(await members('a')).toEqual([101, 102]);
  });

  test('knows the child of a process that died in the meantime by its session', async () => {
    const {table, start, members} = tracking();
    start('a', 100);
    table.processes.set(101, {parent: 100, session: 101});
    await members('a');
    table.processes.delete(101);
    table.processes.set(102, {parent: 1, session: 101});
    expect(await members('a')).toEqual([100, 102]);
  });

  test.each<[string, Partial<FakeProcess>]>([
    ['marker', {environment: ['A=1', 'KRUNTIME_EXECUTION_ID=a']}],
    ['pipe', {outputs: ['/run/pipes/a (deleted)']}],
    ['working directory', {directory: '/workspace/a/sub'}],
    ['removed working directory', {directory: '/workspace/a (deleted)'}],
  ])('knows an orphan by its %s, also after the end of the execution', async (_, trace) => {
    const {table, tracker, start, members} = tracking();
    start('a', 100);
    table.processes.delete(100);
    table.processes.set(101, {parent: 1, session: 101, ...trace});
    expect(await members('a')).toEqual([101]);
    tracker.ended('a');
    expect((await tracker.survivors()).map(({pid}) => pid)).toEqual([101]);
  });

  test('leaves alone what it did not start', async () => {
    const {table, tracker, start, members} = tracking();
    start('a', 100);
    await members('a');
    table.processes.set(11, {parent: 10, session: 10}); // a helper of the server
    table.processes.set(12, {parent: 10, session: 12});
    table.processes.set(21, {parent: 20, session: 21, directory: '/workspace/a'}); // somebody looks around
    table.processes.set(22, {parent: 1, session: 22, environment: ['KRUNTIME_EXECUTION_ID=other']});
    table.processes.set(23, {parent: 1, session: 23, directory: '/workspace/ab'});
    expect(await members('a')).toEqual([100]);
    expect(await tracker.survivors()).toEqual([]);
    expect(await tracker.strays()).toEqual([]);
  });

  test('a zombie is gone', async () => {
    const {table, start, members} = tracking();
    start('a', 100);
    table.processes.set(101, {parent: 1, session: 100, zombie: true});
    expect(await members('a')).toEqual([100]);
  });

  test('a pid or session number that was given to others is not taken for the old one', async () => {
    const {table, tracker, start, members} = tracking();
    start('a', 100);
    table.processes.set(101, {parent: 100, session: 100});
    expect(await members('a')).toEqual([100, 101]);
    tracker.ended('a');
    table.processes.delete(100);
    table.processes.delete(101);
    expect(await members('a')).toEqual([]);
    table.processes.set(100, {parent: 20, session: 100, startTime: 900});
    table.processes.set(101, {parent: 100, session: 100, startTime: 901});
    expect(await members('a')).toEqual([]);
  });

  test('what is foreign is not read again', async () => {
    const {table, start, members} = tracking();
    start('a', 100);
    await members('a');
    for (let pid = 1_000; pid < 1_100; pid++) table.processes.set(pid, {parent: 20, session: pid});
    await members('a');
    table.reads = 0;
    await members('a');
    expect(table.reads).toBe(1);
  });

  test('calls of one turn share one look', async () => {
    const {table, tracker, start} = tracking();
    start('a', 100);
    await tracker.scan();
    table.reads = 0;
    await Promise.all([tracker.members('a'), tracker.members('a'), tracker.survivors()]);
    expect(table.reads).toBe(1);
  });

  describe('in a PID namespace of its own', () => {
    test('an orphan that nobody can be found for is a stray', async () => {
      const {table, tracker, start} = tracking({ownsPidNamespace: true});
      start('a', 100);
      await tracker.scan();
      table.processes.set(101, {parent: 1, session: 101});
      table.processes.set(102, {parent: 101, session: 102});
      expect((await tracker.strays()).map(({process}) => process.pid)).toEqual([101, 102]);
    });

    test('what came in from outside, or was there before, is not', async () => {
      const {table, tracker, start} = tracking({ownsPidNamespace: true});
      start('a', 100);
      table.processes.set(30, {parent: 0, session: 30}); // kubectl exec
      table.processes.set(31, {parent: 30, session: 30});
      expect(await tracker.strays()).toEqual([]);
    });

    test('is recognised by process 1', async () => {
      const table = new FakeTable();
      table.processes.set(1, {parent: 0, session: 1, name: 'tini'});
      const tracker = new ProcessTracker({table, clock: systemClock, self: 10, workspaceRoot: ['/workspace']});
      table.processes.set(101, {parent: 1, session: 101});
      expect(await tracker.strays()).toHaveLength(1);
    });

    test('orphans of a server that is process 1 are its children', async () => {
      const table = new FakeTable();
      const tracker = new ProcessTracker({table, clock: systemClock, self: 1, workspaceRoot: ['/workspace']});
      table.processes.set(101, {parent: 1, session: 101});
      table.processes.set(102, {parent: 1, session: 1});
      expect((await tracker.strays()).map(({process}) => process.pid)).toEqual([101]);
    });
  });

  test('finds what an earlier server left in its workspace, with the sessions of it', () => {
    const {table, tracker} = tracking();
    const environment = ['KRUNTIME_EXECUTION_ID=old'];
    table.processes.set(100, {parent: 1, session: 100, environment, directory: '/workspace/old'});
    table.processes.set(101, {parent: 100, session: 100});
    table.processes.set(102, {parent: 1, session: 102, environment: [...environment, 'HOME=/workspace/old/home']});
    table.processes.set(103, {parent: 1, session: 103, environment, directory: '/elsewhere'});
    table.processes.set(104, {parent: 20, session: 20, directory: '/workspace/old'});
    expect(tracker.leftovers().map(({pid}) => pid)).toEqual([100, 101, 102]);
  });
});
