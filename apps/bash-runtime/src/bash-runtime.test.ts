import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {startRuntime, type TestRuntime} from '@kruntimes/runtime-sdk/testing';
import {bashRuntime} from './bash-runtime.ts';

let runtime: TestRuntime;

beforeAll(async () => {
  runtime = await startRuntime(bashRuntime(process.env));
});

afterAll(() => runtime.close());

describe('bash-runtime', () => {
  test('runs a script with its arguments and environment, in its directory', async () => {
    const result = await runtime.run({
      files: {script: 'echo "$MESSAGE $1 $#"; echo "$0"; ls\n'},
      entrypoint: 'script',
      args: ['a b', 'c'],
      env: {MESSAGE: 'hello'},
    });
    expect(result).toMatchObject({
      reason: 'exited',
      exitCode: 0,
      stdout: 'hello a b 2\n./script\nscript\n',
      stderr: '',
    });
  });

  test('a PATH of the Run does not change which bash runs it', async () => {
    const result = await runtime.run({files: {script: 'echo $PATH'}, entrypoint: 'script', env: {PATH: '/nowhere'}});
    expect(result).toMatchObject({exitCode: 0, stdout: '/nowhere\n'});
  });

  test('an executable file with a #! line is started by it', async () => {
    const result = await runtime.run({files: {script: '#!/bin/cat\nnot bash\n'}, entrypoint: 'script'});
    expect(result).toMatchObject({exitCode: 0, stdout: '#!/bin/cat\nnot bash\n'});
  });

  test('runs a command line', async () => {
    expect(await runtime.run({args: ['printf', '%s|', 'a b', '$HOME']})).toMatchObject({stdout: 'a b|$HOME|'});
  });

  test('says what is wrong with an entrypoint', async () => {
    expect(await runtime.run({entrypoint: 'nothing'})).toMatchObject({
      reason: 'start failed',
      errorMessage: 'the entrypoint "nothing" does not exist in the source of the Run',
    });
  });
});
