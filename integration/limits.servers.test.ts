/**
 * Programs against limits that only an administrator can set: a small volume and a small number of processes. It mounts
 * a tmpfs and makes a control group, as root or by `sudo -n`.
 */
import {execFileSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import type {Run, RunSpec} from '@kruntimes/api-types';
import {Gate} from './support/gate.ts';
import {System} from './support/system.ts';

const limitMs = 240_000;
const bundle = (app: string) => fileURLToPath(new URL(`../apps/${app}/dist/main.js`, import.meta.url));
const root = process.getuid?.() === 0 ? '' : 'sudo -n ';
const asRoot = (...line: string[]) =>
  execFileSync('sh', ['-c', `${root}${line.join(' ')}`], {stdio: 'pipe'}).toString();

const volumeMiB = 8;
const maxProcesses = 128;
const hierarchy = existsSync('/sys/fs/cgroup/pids') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup';
const group = join(hierarchy, `kruntimes-test-${randomUUID()}`);

/** Mounts a small volume in the place of the workspaces, as a kubelet that enforces `sizeLimit` by quota does. */
const smallVolume = `for a in "$@"; do case "$a" in --workspace-root=*) root="\${a#*=}";; esac; done
mountpoint -q "$root" || ${root}mount -t tmpfs -o size=${volumeMiB}m,mode=777 tmpfs "$root"
exec "$@"`;

const fewProcesses = `${root}sh -c "echo $$ > '${group}/cgroup.procs'"; exec "$@"`;

let system: System;
let namespace: string;
let pod: string;

beforeAll(async () => {
  asRoot('mkdir', group);
  asRoot(`sh -c "echo ${maxProcesses} > '${group}/pids.max'"`);
  system = await System.start({
    images: {
      'kruntimes-runtimed': {command: ['sh', '-c', smallVolume, 'sh', process.execPath, bundle('runtimed')]},
      'kruntimes-bash-runtime': {command: ['sh', '-c', fewProcesses, 'sh', process.execPath, bundle('bash-runtime')]},
    },
  });
  namespace = await system.createNamespace();
  await system.createRuntime(namespace, {replicas: 1, runs: 8});
  [pod = ''] = await system.podNames(namespace);
}, limitMs);

afterAll(async () => {
  try {
    for (const line of readFileSync('/proc/self/mounts', 'utf8').split('\n')) {
      const [, target = ''] = line.split(' ');
      if (system !== undefined && target.startsWith(`${system.directory}/`)) asRoot('umount', '--lazy', target);
    }
  } finally {
    await system?.stop();
    asRoot('rmdir', group);
  }
}, limitMs);

const nameOf = ({metadata}: Run) => metadata?.name ?? '';
const start = (script: string, spec: Partial<RunSpec> = {}) =>
  system.create(namespace, {source: {inline: `${script}\n`}, ...spec});
const ended = (run: Run) => system.ended(namespace, nameOf(run), limitMs);
const finish = async (script: string, spec: Partial<RunSpec> = {}) => await ended(await start(script, spec));
const gate = () => new Gate(join(system.directory, system.marker()));

describe('a program that fills the volume of the workspaces', () => {
  test(
    'fails by itself, and what it wrote is gone afterwards',
    async () => {
      const full = await finish(
        'echo before=1 >> "$KRUNTIME_OUTPUTS"; head -c 100000000 /dev/zero > big || { echo after=1 >> "$KRUNTIME_OUTPUTS"; exit 5; }',
      );
      expect(full.status).toMatchObject({phase: 'Failed', exitCode: 5, outputs: {before: '1'}});
      expect(full.status?.output?.tail).toContain('No space left on device');
      expect(await system.workspacesLeft()).toEqual([]);
      expect((await finish('head -c 4000000 /dev/zero > big')).status?.phase).toBe('Succeeded');
    },
    limitMs,
  );

  test(
    'does not stop others: they fail with a clear reason, or run when there is room again',
    async () => {
      using open = gate();
      const ready = join(system.directory, system.marker());
      const hog = await start(`head -c 100000000 /dev/zero > big; touch '${ready}'; ${open.wait}; echo done`);
      while (!existsSync(ready)) await new Promise((resolve) => setTimeout(resolve, 20));
      const starved = await finish(`# ${'x'.repeat(20_000)}\necho never`);
      expect(starved.status).toMatchObject({phase: 'Failed', reason: 'WorkspaceError'});
      expect(starved.status?.message).toMatch(/no space left/i);
      const patient = await start(`# ${'x'.repeat(20_000)}\necho fine`, {
        retryPolicy: {maxAttempts: 20, backoffSeconds: 2, maxBackoffSeconds: 2, retryableReasons: ['WorkspaceError']},
      });
      await system.until(namespace, nameOf(patient), ({status}) => (status?.attempts ?? []).length > 0, limitMs);
      open.open();
      expect((await ended(hog)).status?.phase).toBe('Succeeded');
      expect((await ended(patient)).status?.phase).toBe('Succeeded');
      expect(await system.workspacesLeft()).toEqual([]);
    },
    limitMs,
  );
});

describe('a fork bomb', () => {
  test.each([
    ['in one process group', 'f() { f | f & }; f; sleep 600'],
    [
      'in sessions of its own',
      `printf '#!/bin/bash\\nsetsid "$0" & setsid "$0" & wait\\n' > bomb; chmod +x bomb; ./bomb; sleep 600`,
    ],
  ])(
    '%s ends with its Run, and the Runtime server outlives it',
    async (_, script) => {
      const server = system.processId(namespace, pod, 'runtime');
      const bomb = await finish(script, {timeoutSeconds: 3});
      expect(bomb.status).toMatchObject({phase: 'Timeout', reason: 'TimeoutExceeded'});
      expect(await system.workspacesLeft()).toEqual([]);
      expect(livingPrograms(server)).toEqual([]);
      // The dead count against the limit until their last parent has looked at them.
      const retryPolicy = {maxAttempts: 20, backoffSeconds: 2, maxBackoffSeconds: 2};
      expect((await finish('echo fine', {retryPolicy})).status?.phase).toBe('Succeeded');
      expect(system.processId(namespace, pod, 'runtime')).toBe(server);
    },
    limitMs,
  );
});

/** Processes of the control group besides the Runtime server. A zombie waits for its parent, and does nothing. */
function livingPrograms(server: number): string[] {
  const pids = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  return pids
    .filter((pid) => pid !== server)
    .flatMap((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const state = /^State:\s+(\S)/m.exec(status)?.[1];
        const name = /^Name:\s+(\S+)/m.exec(status)?.[1];
        return state === 'Z' || state === 'X' ? [] : [`${pid} ${name} ${state}`];
      } catch {
        return [];
      }
    });
}
