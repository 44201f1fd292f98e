import type {RunSpec} from '@kruntimes/api-types';
import type {Ledger} from '../support/ledger.ts';
import type {Random} from './random.ts';

/** What is to become of a Run, whatever happens to kruntimes meanwhile. */
export interface Expectation {
  phase: 'Succeeded' | 'Failed' | 'Timeout';
  exitCode?: number;
  outputs?: Record<string, string>;
  /** Bytes on standard output of the last attempt. */
  stdoutBytes?: number;
  /** Attempts that the program itself, or its time limit, ends: at most so many. */
  ownAttempts: number;
}

export interface PlannedRun {
  name: string;
  /** Which program, for reports. */
  program: string;
  spec: RunSpec;
  expected: Expectation;
}

type Program = (random: Random, ledger: Ledger) => Omit<PlannedRun, 'name' | 'program'>;

const seconds = (random: Random, least: number, most: number): string => random.between(least, most).toFixed(2);

/** The programs, with their shares of a hundred. */
const programs: readonly [name: string, share: number, program: Program][] = [
  [
    'short',
    30,
    (_, ledger) => ({
      spec: {runtime: 'bash', source: {inline: ledger.script('true')}},
      expected: {phase: 'Succeeded', exitCode: 0, ownAttempts: 1},
    }),
  ],
  [
    'sleeps',
    30,
    (random, ledger) => ({
      spec: {runtime: 'bash', source: {inline: ledger.script(`sleep ${seconds(random, 0.2, 2)}`)}},
      expected: {phase: 'Succeeded', exitCode: 0, ownAttempts: 1},
    }),
  ],
  [
    'writes',
    15,
    (random, ledger) => {
      const lines = Math.floor(random.between(10, 2000));
      const body = `for ((i = 0; i < ${lines}; i++)); do echo "line with some text in it"; done`;
      return {
        spec: {runtime: 'bash', source: {inline: ledger.script(body)}},
        expected: {phase: 'Succeeded', exitCode: 0, stdoutBytes: lines * 26, ownAttempts: 1},
      };
    },
  ],
  [
    'outputs',
    12,
    (random, ledger) => {
      const value = String(Math.floor(random.between(0, 1e9)));
      const body = `sleep ${seconds(random, 0, 1)}; echo "value=${value}" >> "$KRUNTIME_OUTPUTS"`;
      return {
        spec: {runtime: 'bash', source: {inline: ledger.script(body)}},
        expected: {phase: 'Succeeded', exitCode: 0, outputs: {value}, ownAttempts: 1},
      };
    },
  ],
  [
    'fails first',
    6,
    (random, ledger) => ({
      spec: {
        runtime: 'bash',
        source: {
          inline: ledger.script(`sleep ${seconds(random, 0.1, 0.5)}`, 'test "$KRUNTIME_RUN_ATTEMPT" -gt 1 || exit 3'),
        },
        retryPolicy: {maxAttempts: 3, backoffSeconds: 1},
      },
      expected: {phase: 'Succeeded', exitCode: 0, ownAttempts: 2},
    }),
  ],
  [
    'fails',
    5,
    (random, ledger) => ({
      spec: {
        runtime: 'bash',
        source: {inline: ledger.script(`sleep ${seconds(random, 0.1, 0.5)}`, 'exit 4')},
        retryPolicy: {maxAttempts: 2, backoffSeconds: 1},
      },
      expected: {phase: 'Failed', exitCode: 4, ownAttempts: 2},
    }),
  ],
  [
    'takes too long',
    2,
    (_, ledger) => ({
      spec: {runtime: 'bash', source: {inline: ledger.script('sleep 600')}, timeoutSeconds: 2},
      expected: {phase: 'Timeout', ownAttempts: 1},
    }),
  ],
];

/** A mix of programs, named `<prefix>-<number>`. */
export function planRuns(count: number, prefix: string, random: Random, ledger: Ledger): PlannedRun[] {
  const whole = programs.reduce((sum, [, share]) => sum + share, 0);
  return Array.from({length: count}, (_, index) => {
    let draw = random.between(0, whole);
    const [program, , plan] = programs.find(([, share]) => (draw -= share) < 0) ?? programs[0]!;
    return {name: `${prefix}-${index}`, program, ...plan(random, ledger)};
  });
}
