import {execFileSync} from 'node:child_process';
import {chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import type {Execution} from '@kruntimes/runtime-sdk';
import {commandOf} from './command.ts';

let workingDir = '';

function command(request: Partial<Execution>) {
  const none = {id: 'a', args: [], env: {}, entrypoint: '', handler: '', timeoutSeconds: 0};
  return commandOf({...none, workingDir, ...request}, '/bin/bash');
}

function file(name: string, content: string, mode: number): void {
  writeFileSync(join(workingDir, name), content);
  chmodSync(join(workingDir, name), mode);
}

beforeAll(() => {
  workingDir = mkdtempSync(join(tmpdir(), 'bash-runtime-'));
  file('script', 'echo hello\n', 0o644);
  file('executable-script', 'echo hello\n', 0o755);
  file('python', '#!/usr/bin/env python3\n', 0o755);
  file('python-without-x', '#!/usr/bin/env python3\n', 0o644);
  file('program', '\x7fELF', 0o755);
  file('empty', '', 0o755);
  file('-x', 'echo hello\n', 0o644);
  mkdirSync(join(workingDir, 'directory'));
  execFileSync('mkfifo', [join(workingDir, 'pipe')]);
});

afterAll(() => rmSync(workingDir, {recursive: true, force: true}));

describe('commandOf', () => {
  test.each([
    ['script', '/bin/bash', ['./script', 'a', 'b']],
    ['executable-script', '/bin/bash', ['./executable-script', 'a', 'b']],
    ['python-without-x', '/bin/bash', ['./python-without-x', 'a', 'b']],
    ['empty', '/bin/bash', ['./empty', 'a', 'b']],
    ['-x', '/bin/bash', ['./-x', 'a', 'b']],
    ['python', './python', ['a', 'b']],
    ['program', './program', ['a', 'b']],
  ])('the entrypoint %s is run by %s', (entrypoint, program, args) => {
    expect(command({entrypoint, args: ['a', 'b']})).toEqual({command: program, args});
  });

  test('without an entrypoint, args are the command line', () => {
    expect(command({args: ['ls', '-l', 'a b']})).toEqual({command: 'ls', args: ['-l', 'a b']});
  });

  test.each<[string, Partial<Execution>]>([
    ['there is nothing to execute: neither an entrypoint nor args', {}],
    ['the entrypoint "missing" does not exist in the source of the Run', {entrypoint: 'missing'}],
    [`the entrypoint "script/x" can't be read`, {entrypoint: 'script/x'}],
    ['the entrypoint "directory" is not a file', {entrypoint: 'directory'}],
    ['the entrypoint "pipe" is not a file', {entrypoint: 'pipe'}],
    ['the bash Runtime has no handlers; name an entrypoint only', {entrypoint: 'script', handler: 'main'}],
  ])('refuses: %s', (message, request) => {
    expect(() => command(request)).toThrow(message);
  });
});
