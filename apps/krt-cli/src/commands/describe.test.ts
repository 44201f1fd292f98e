import {expect, test} from '@jest/globals';
import {MemoryTerminal} from '../testing/memory-terminal.ts';
import {runFixture} from '../testing/run-fixture.ts';
import {formatDescription} from './describe.ts';

const now = Date.parse('2026-01-01T10:01:00Z');

test('everything about a Run, section by section', () => {
  const run = runFixture(
    'build',
    {
      phase: 'Failed',
      reason: 'NonZeroExit',
      message: 'exit code 3\u001b[31m',
      exitCode: 3,
      attempt: 2,
      assignedPod: 'bash-1',
      startTime: '2026-01-01T10:00:00Z',
      completionTime: '2026-01-01T10:00:02Z',
      attempts: [
        {
          number: 1,
          reason: 'NonZeroExit',
          exitCode: 3,
          startTime: '2026-01-01T09:59:00Z',
          completionTime: '2026-01-01T09:59:01Z',
        },
      ],
      outputs: {result: 'ok'},
      artifactRefs: [{name: 'a.txt', key: 'k', sizeBytes: 2048, digest: 'sha256:ab', mediaType: 'text/plain'}],
      output: {stdoutBytes: 5, stderrBytes: 0, truncated: false, tail: 'bad\n'},
      conditions: [
        {
          type: 'Finished',
          status: 'True',
          reason: 'NonZeroExit',
          message: 'it failed',
          lastTransitionTime: '2026-01-01T10:00:30Z',
        },
      ],
    },
    {
      source: {git: {url: 'https://h/x', revision: 'v1'}},
      entrypoint: 'main.sh',
      args: ['a b'],
      retryPolicy: {maxAttempts: 2},
    },
  );
  expect(formatDescription(run, now, new MemoryTerminal())).toBe(`Name:         build
Namespace:    default
UID:          uid-build
Runtime:      bash
Source:       https://h/x at v1
Entrypoint:   main.sh
Args:         "a b"
Retries:      up to 2 attempts
Phase:        Failed
Reason:       NonZeroExit
Message:      exit code 3^[[31m
Exit code:    3
Pod:          bash-1
Started:      2026-01-01T10:00:00Z
Ended:        2026-01-01T10:00:02Z
Duration:     2s
Attempts:     2
Output:       5 B on stdout, 0 B on stderr
Earlier attempts:
  NUMBER   REASON        EXIT   STARTED                ENDED
  1        NonZeroExit   3      2026-01-01T09:59:00Z   2026-01-01T09:59:01Z
Outputs:
  result=ok
Artifacts:
  NAME    SIZE      TYPE         DIGEST
  a.txt   2.0 KiB   text/plain   sha256:ab
Conditions:
  TYPE       STATUS   REASON        AGE   MESSAGE
  Finished   True     NonZeroExit   30s   it failed
Last output:
  bad
`);
});

test('a Run of which nothing is known yet', () => {
  const text = formatDescription(runFixture('new', undefined, {args: ['x']}), now, new MemoryTerminal());
  expect(text.split('\n').map((line) => line.replace(/: +/, ': '))).toEqual([
    'Name: new',
    'Namespace: default',
    'UID: uid-new',
    'Runtime: bash',
    'Args: "x"',
    'Phase: Pending',
    '',
  ]);
});
