import {execFileSync} from 'node:child_process';
import {linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {DirectoryHandle} from './directory-handle.ts';
import {readOutputsFile} from './outputs-file.ts';

let root: string;
let file: string;
let directory: DirectoryHandle;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'kruntimes-outputs-'));
  mkdirSync(join(root, 'run'));
  file = join(root, 'run', 'outputs');
  directory = DirectoryHandle.open(join(root, 'run'));
});

afterEach(() => {
  directory.close();
  rmSync(root, {recursive: true, force: true});
});

describe('readOutputsFile', () => {
  test('reads a regular file', () => {
    writeFileSync(file, 'result=ok\n');
    expect(readOutputsFile(directory, 'outputs')).toEqual({values: {result: 'ok'}});
  });

  test('takes a missing or empty file as no outputs', () => {
    expect(readOutputsFile(directory, 'outputs')).toEqual({values: {}});
    writeFileSync(file, '');
    expect(readOutputsFile(directory, 'outputs')).toEqual({values: {}});
  });

  test.each<[string, () => void, string]>([
    ['a FIFO', () => execFileSync('mkfifo', [file]), 'it is not a regular file'],
    ['a directory', () => mkdirSync(file), 'it is not a regular file'],
    ['a device', () => symlinkSync('/dev/zero', file), 'it is not a regular file'],
    [
      '10 GiB of holes',
      () => (writeFileSync(file, ''), truncateSync(file, 10 * 2 ** 30)),
      'it is larger than 262144 bytes',
    ],
  ])('refuses %s', (_, make, problem) => {
    make();
    expect(readOutputsFile(directory, 'outputs')).toEqual({values: {}, problem});
  });

  test.each<[string, (secret: string) => void, string]>([
    ['symlink', (secret) => symlinkSync(secret, file), 'it is not a regular file'],
    ['hard link', (secret) => linkSync(secret, file), 'it has more than one hard link'],
  ])('does not read another file through a %s', (_, make, problem) => {
    writeFileSync(join(root, 'secret'), 'token=abc\n');
    make(join(root, 'secret'));
    expect(readOutputsFile(directory, 'outputs')).toEqual({values: {}, problem});
  });

  test('does not read through a directory that was exchanged for a symlink', () => {
    writeFileSync(file, 'mine=1\n');
    mkdirSync(join(root, 'other'));
    writeFileSync(join(root, 'other', 'outputs'), 'token=abc\n');
    execFileSync('sh', ['-c', 'mv run moved && ln -s other run'], {cwd: root});
    expect(readOutputsFile(directory, 'outputs')).toEqual({values: {mine: '1'}});
  });
});
