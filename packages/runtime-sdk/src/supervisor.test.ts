import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, jest, test} from '@jest/globals';
import {systemClock} from './clock.ts';
import {livingProcesses} from './living-processes.fixture.ts';
import {silentLogger} from './logger.ts';
import {OutputPipes} from './output-pipes.ts';
import {type ProcessTable, procTable} from './process-table.ts';
import {ProcessTracker} from './process-tracker.ts';
import {ProcessSupervisor} from './supervisor.ts';

// Real processes on a machine that may be busy.
jest.setTimeout(30_000);

let directory = '';
let pipes: OutputPipes;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'krt-'));
  pipes = await OutputPipes.create([join(directory, 'pipes')], silentLogger);
});

afterEach(async () => {
  await pipes.close();
  rmSync(directory, {recursive: true, force: true});
});

function supervise(tracker: ProcessTracker | undefined, graceMs = 200): ProcessSupervisor {
  return new ProcessSupervisor({pipes, tracker, clock: systemClock, logger: silentLogger, graceMs});
}

function bash(script: string) {
  return {command: 'bash', args: ['-c', script], cwd: directory, env: {PATH: process.env['PATH'] ?? ''}};
}

describe('ProcessSupervisor', () => {
  test('without /proc, ends the process group', async () => {
    const supervisor = supervise(undefined);
    const processes = await supervisor.launch('a', bash(`(trap '' TERM; sleep 1000 & wait) & exit 3`));
    expect(await processes.exited).toEqual({exitCode: 3, signal: undefined});
    await processes.gone;
    expect(livingProcesses({directory})).toEqual([]);
  });

  test('an earlier deadline replaces a later one, never the other way round', async () => {
    const supervisor = supervise(undefined);
    const processes = await supervisor.launch('a', bash(`trap '' TERM; echo ready; while :; do sleep 1000; done`));
    await once(processes.stdout, 'data');
    const begin = performance.now();
    processes.end(60_000);
    processes.end(100);
    processes.end(60_000);
    await processes.gone;
    expect(performance.now() - begin).toBeLessThan(9_000);
    expect(await processes.exited).toEqual({exitCode: undefined, signal: 'SIGKILL'});
  });

  test('a process that left the group just before the signal to it gets one of its own', async () => {
    let main = 0;
    let stale = 1;
    const table: ProcessTable = {
      ...procTable,
      read: (pid) => {
        const info = procTable.read(pid);
        if (info === undefined || main === 0 || info.session === main || pid === process.pid) return info;
        if (procTable.workingDirectory(pid) !== directory) return info;
        return stale-- > 0 ? {...info, group: main} : info;
      },
    };
    const tracker = new ProcessTracker({table, clock: systemClock, self: process.pid, workspaceRoot: [directory]});
    const supervisor = supervise(tracker, 60_000);
    const script = 'setsid sh -c "echo ready; exec sleep 1000" & wait';
    const processes = await supervisor.launch('a', bash(script));
    await once(processes.stdout, 'data');
    main = processes.pid;
    processes.end(60_000);
    await processes.gone;
    expect(livingProcesses({directory})).toEqual([]);
    await supervisor.close();
  });

  test('killAll kills at once', async () => {
    const supervisor = supervise(undefined);
    const processes = await supervisor.launch('a', bash(`trap '' TERM; sleep 1000`));
    supervisor.killAll();
    await processes.gone;
    expect(livingProcesses({directory})).toEqual([]);
  });

  test('in a PID namespace of its own, kills an orphan that nobody can be found for', async () => {
    // A table that shows only this process and one that is nobody's.
    const stray = spawn('sleep', ['1000'], {stdio: 'ignore', detached: true, cwd: '/'});
    let visible: number[] = [];
    const table: ProcessTable = {
      ...procTable,
      pids: () => [process.pid, ...visible],
      read: (pid) => {
        const info = procTable.read(pid);
        return info !== undefined && pid === stray.pid ? {...info, parent: 1} : info;
      },
    };
    const tracker = new ProcessTracker({
      table,
      clock: systemClock,
      self: process.pid,
      workspaceRoot: [directory],
      ownsPidNamespace: true,
    });
    visible = [stray.pid ?? 0];
    const supervisor = supervise(tracker);
    const ended = once(stray, 'exit');
    await supervisor.close();
    await ended;
    expect(stray.signalCode).toBe('SIGKILL');
  });

  test('where named pipes cannot be made, programs get socket pairs', async () => {
    await pipes.close();
    const supervisor = supervise(undefined);
    const processes = await supervisor.launch('a', bash('echo out; echo err >&2'));
    const output: string[] = [];
    processes.stdout.on('data', (chunk) => output.push(String(chunk)));
    processes.stderr.on('data', (chunk) => output.push(String(chunk)));
    await Promise.all([once(processes.stdout, 'close'), once(processes.stderr, 'close')]);
    expect(output.toSorted()).toEqual(['err\n', 'out\n']);
  });
});
