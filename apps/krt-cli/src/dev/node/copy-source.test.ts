import {execFile} from 'node:child_process';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {packedFolder} from './copy-source.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'copy-'));
  await mkdir(join(directory, 'volume', 'deep'), {recursive: true});
  await writeFile(join(directory, 'volume', 'deep', 'file'), 'text');
});

afterEach(async () => {
  await rm(directory, {recursive: true});
});

const mappings = () => [
  {containerPath: '/var/data', hostPath: join(directory, 'volume')},
  {containerPath: '/var', hostPath: join(directory, 'other')},
];

test.each([
  ['/var/data/deep/file', ['var/data/deep/file']],
  ['/var/data/deep/', ['var/data/deep/', 'var/data/deep/file']],
  ['/var/data', ['var/data/./', 'var/data/./deep/', 'var/data/./deep/file']],
])('tar of %s has the names that kubectl cp expects', async (path, names) => {
  const [program = '', ...args] = packedFolder(['tar', 'cf', '-', path], mappings(), directory) ?? [];
  const packed = promisify(execFile)(program, args, {encoding: 'buffer'});
  const list = promisify(execFile)('tar', ['-tf', '-']);
  list.child.stdin?.end((await packed).stdout);
  expect((await list).stdout.trim().split('\n')).toEqual(names);
});

test.each([
  [['tar', 'cf', '-', '/etc/hosts']],
  [['tar', 'cf', '-', 'var/data']],
  [['tar', 'cf', '-', '/var/data', '/x']],
  [['tar', 'xf', '-', '/var/data']],
  [['ls', 'cf', '-', '/var/data']],
])('%j stays as it is', (command) => {
  expect(packedFolder(command, mappings(), directory)).toBeUndefined();
});
