import {describe, expect, test} from '@jest/globals';
import {overrideRun, parseEnv, runFromFlags, runsFromDocuments} from './run-manifest.ts';

const env = {HOME: '/home/me', EMPTY: ''};

describe('runFromFlags', () => {
  test('a command line', () => {
    expect(runFromFlags({runtime: 'bash', args: ['echo', '-n', 'hi']}, env)).toEqual({
      apiVersion: 'kruntimes.io/v1alpha1',
      kind: 'Run',
      metadata: {generateName: 'bash-'},
      spec: {runtime: 'bash', args: ['echo', '-n', 'hi']},
    });
  });

  test('everything', () => {
    const run = runFromFlags(
      {
        runtime: 'bash',
        name: 'build',
        source: {inline: 'echo "$1"\n'},
        artifacts: 'on-success',
        args: ['x'],
        entrypoint: 'script',
        env: ['A=1', 'B=x=y', 'HOME', 'EMPTY', 'C='],
        timeout: '1m30s',
        priority: '-5',
        request: ['runs=2', 'gpu=1'],
        maxAttempts: '3',
        retryBackoff: '2',
        retryMaxBackoff: '1m',
        retryOn: ['NonZeroExit,Signaled', 'TimeoutExceeded'],
        ttl: '1h',
        label: ['team=ci'],
        annotation: ['note=a=b'],
      },
      env,
    );
    expect(run).toEqual({
      apiVersion: 'kruntimes.io/v1alpha1',
      kind: 'Run',
      metadata: {name: 'build', labels: {team: 'ci'}, annotations: {note: 'a=b'}},
      spec: {
        runtime: 'bash',
        source: {inline: 'echo "$1"\n'},
        entrypoint: 'script',
        artifacts: {when: 'OnSuccess'},
        args: ['x'],
        env: {A: '1', B: 'x=y', HOME: '/home/me', EMPTY: '', C: ''},
        timeoutSeconds: 90,
        priority: -5,
        resources: {requests: {runs: 2, gpu: 1}},
        retryPolicy: {
          maxAttempts: 3,
          backoffSeconds: 2,
          maxBackoffSeconds: 60,
          retryableReasons: ['NonZeroExit', 'Signaled', 'TimeoutExceeded'],
        },
        ttlSecondsAfterFinished: 3600,
      },
    });
    expect(Object.keys(run)).toEqual(['apiVersion', 'kind', 'metadata', 'spec']);
  });

  test.each([
    [{args: ['true']}, '--runtime is missing'],
    [{runtime: 'bash'}, 'nothing to run'],
    [{runtime: 'bash', source: {git: {url: 'https://h/x'}}}, 'nothing says which file'],
    [
      {runtime: 'bash', args: ['x'], retryOn: ['NonZeroExit,ExitCode']},
      '--retry-on "ExitCode" is not one of NonZeroExit',
    ],
    [{runtime: 'bash', args: ['x'], artifacts: 'never'}, 'is not one of Always, OnSuccess'],
    [{runtime: 'bash', source: {inline: 'x'}, name: 'a', generateName: 'b-'}, 'exclude each other'],
    [{runtime: 'bash', source: {inline: 'x'}, env: ['=1']}, 'no name before "="'],
    [{runtime: 'bash', source: {inline: 'x'}, env: ['NOPE']}, 'there is no such variable'],
    [{runtime: 'bash', source: {inline: 'x'}, priority: 'high'}, 'not an integer'],
    [{runtime: 'bash', source: {inline: 'x'}, request: ['runs']}, 'not KEY=VALUE'],
    [{runtime: 'bash', source: {inline: 'x'}, request: ['runs=many']}, 'not an integer'],
    [{runtime: 'bash', source: {inline: 'x'}, timeout: '-1s'}, '--timeout'],
  ])('%j is refused', (flags, problem) => {
    expect(() => runFromFlags(flags, env)).toThrow(problem);
  });
});

describe('overrideRun', () => {
  const [manifest] = runsFromDocuments(
    [
      {
        apiVersion: 'kruntimes.io/v1alpha1',
        kind: 'Run',
        metadata: {name: 'hello', labels: {a: '1'}},
        spec: {runtime: 'bash', source: {inline: 'echo'}, env: {A: '1', B: '2'}, retryPolicy: {maxAttempts: 2}},
      },
    ],
    'hello.yaml',
  );

  test('flags win, environment and labels are added to', () => {
    const run = overrideRun(manifest!, {env: ['B=3', 'C=4'], label: ['b=2'], retryBackoff: '5s', timeout: '7'}, env);
    expect(run.metadata).toEqual({name: 'hello', labels: {a: '1', b: '2'}});
    expect(run.spec).toEqual({
      runtime: 'bash',
      source: {inline: 'echo'},
      env: {A: '1', B: '3', C: '4'},
      retryPolicy: {maxAttempts: 2, backoffSeconds: 5},
      timeoutSeconds: 7,
    });
  });

  test('--generate-name takes the place of the name', () => {
    expect(overrideRun(manifest!, {generateName: 'x-'}, env).metadata).toEqual({generateName: 'x-', labels: {a: '1'}});
  });

  test('nothing given, nothing changed', () => {
    expect(overrideRun(manifest!, {}, env)).toEqual(manifest);
  });
});

describe('runsFromDocuments', () => {
  const run = {apiVersion: 'kruntimes.io/v1alpha1', kind: 'Run', spec: {runtime: 'bash'}};

  test('takes documents and Lists', () => {
    expect(runsFromDocuments([run, {kind: 'List', items: [run, run]}], 'f')).toHaveLength(3);
  });

  test.each([
    [{apiVersion: 'v1', kind: 'Pod'}, 'f holds v1 Pod, not kruntimes.io/v1alpha1 Run'],
    [{...run, apiVersion: 'kruntimes.io/v2'}, 'f holds kruntimes.io/v2 Run'],
    [{...run, spec: null}, 'f: a Run has no spec'],
    ['text', 'not an object'],
    [[run], 'not an object'],
    [{}, 'f holds ? ?'],
  ])('%j is refused', (document, problem) => {
    expect(() => runsFromDocuments([document], 'f')).toThrow(problem);
  });
});

describe('parseEnv', () => {
  test('later wins', () => {
    expect(parseEnv(['A=1', 'A=2'], {})).toEqual({A: '2'});
  });
});
