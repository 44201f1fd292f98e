import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {type DevPaths, devPaths} from './dev-paths.ts';
import {clearDevState, DevClaim, type DevState, readDevState} from './dev-state.ts';
import {startOfProcess} from './process-identity.ts';

let home: string;
let paths: DevPaths;
let children: ChildProcess[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'krt-state-'));
  paths = devPaths({XDG_DATA_HOME: home});
  await mkdir(paths.directory, {recursive: true});
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await rm(home, {recursive: true});
});

async function sleeper(cwd?: string): Promise<{child: ChildProcess; pid: number; processStart: string}> {
  const child = spawn('sleep', ['600'], {stdio: 'ignore', ...(cwd !== undefined && {cwd})});
  children.push(child);
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  return {child, pid, processStart: (await startOfProcess(pid)) ?? ''};
}

/** As a process that was killed has left it. */
async function leave(state: Partial<DevState>): Promise<void> {
  const gone: DevState = {pid: 1, processStart: 'long ago', phase: 'ready', step: '', startedAt: ''};
  await writeFile(paths.state, JSON.stringify({...gone, ...state}));
}

test('one process has the cluster at a time, and says what it has started', async () => {
  const claim = await DevClaim.take(paths);
  expect(await DevClaim.take(paths)).toBeUndefined();
  const {pid, processStart} = await sleeper();
  await Promise.all([claim?.addPart('apiserver', pid), claim?.update({phase: 'ready', step: 'ready'})]);
  expect(await readDevState(paths)).toMatchObject({
    pid: process.pid,
    phase: 'ready',
    parts: [{name: 'apiserver', pid, processStart}],
  });
  expect(await clearDevState(paths)).toBe(false);
  await claim?.[Symbol.asyncDispose]();
  expect(await readdir(paths.directory)).toEqual([]);
});

test('what a cluster has left behind that was killed is ended before the next one begins', async () => {
  const directory = join(home, 'run');
  await mkdir(join(directory, 'pod'), {recursive: true});
  const apiServer = await sleeper();
  const worker = await sleeper(join(directory, 'pod'));
  const other = await sleeper();
  const ended = [once(apiServer.child, 'exit'), ...(process.platform === 'linux' ? [once(worker.child, 'exit')] : [])];
  const {pid, processStart} = apiServer;
  await leave({
    directory,
    parts: [
      {name: 'apiserver', pid, processStart},
      // Its number was given to somebody else since.
      {name: 'scheduler', pid: other.pid, processStart: 'long ago'},
    ],
  });
  await using claim = await DevClaim.take(paths);
  expect(claim).toBeDefined();
  for (const end of ended) await expect(end).resolves.toEqual([null, 'SIGKILL']);
  expect(await startOfProcess(other.pid)).toBe(other.processStart);
  await expect(stat(directory)).rejects.toMatchObject({code: 'ENOENT'});
});

test.each(['', '{', 'null', '{"pid":"12"}'])(
  'a broken state %j and one of another version are no obstacle',
  async (text) => {
    await writeFile(paths.state, text);
    expect(await readDevState(paths)).toBeUndefined();
    await using claim = await DevClaim.take(paths);
    expect(claim).toBeDefined();
    expect(JSON.parse(await readFile(paths.state, 'utf8'))).toMatchObject({pid: process.pid});
  },
);

test('a state of a version that noted no parts is cleared', async () => {
  await leave({});
  expect(await clearDevState(paths)).toBe(true);
  expect(await clearDevState(paths)).toBe(false);
});
