/** How much is measured. Every load ends at its number of Runs or of seconds, whichever comes first. */
export interface Profile {
  name: 'short' | 'medium' | 'full';
  /** Scenarios that are run where none is named. */
  scenarios: readonly string[];
  /** How often the paths take turns. */
  rounds: number;
  warmUpRuns: number;
  sequential: {count: number; seconds: number};
  closed: {concurrencies: readonly number[]; count: number; seconds: number};
  open: {ratesPerSecond: readonly number[]; seconds: number};
  burst: {counts: readonly number[]; seconds: number};
  idleSeconds: number;
  growthRuns: number;
  raw: {writes: number; watchers: number; events: number};
  output: {mebibytes: readonly number[]; count: number};
  artifacts: {count: number; mebibytes: number};
  krt: {count: number};
  scale: {
    pods: readonly number[];
    runs: number;
    binds: number;
    schedulerPods: readonly number[];
    finished: readonly number[];
    pending: readonly number[];
  };
}

const everything = [
  'sequential',
  'closed',
  'open',
  'burst',
  'raw',
  'growth',
  'idle',
  'output',
  'artifacts',
  'krt',
  'scheduler-pods',
  'scheduler-finished',
  'scheduler-pending',
  'scale-pods',
];

export const profiles: Record<Profile['name'], Profile> = {
  short: {
    name: 'short',
    scenarios: ['sequential', 'closed', 'raw', 'growth', 'idle'],
    rounds: 2,
    warmUpRuns: 150,
    sequential: {count: 60, seconds: 10},
    closed: {concurrencies: [25, 64], count: 300, seconds: 8},
    open: {ratesPerSecond: [20], seconds: 5},
    burst: {counts: [500], seconds: 30},
    idleSeconds: 22,
    growthRuns: 250,
    raw: {writes: 300, watchers: 20, events: 100},
    output: {mebibytes: [1], count: 4},
    artifacts: {count: 20, mebibytes: 1},
    krt: {count: 5},
    scale: {pods: [1, 8], runs: 200, binds: 300, schedulerPods: [10, 100], finished: [0, 500], pending: [100, 500]},
  },
  medium: {
    name: 'medium',
    scenarios: everything,
    rounds: 2,
    warmUpRuns: 300,
    sequential: {count: 100, seconds: 10},
    closed: {concurrencies: [1, 8, 25, 64, 256], count: 500, seconds: 6},
    open: {ratesPerSecond: [10, 25, 50], seconds: 8},
    burst: {counts: [1000], seconds: 60},
    idleSeconds: 22,
    growthRuns: 500,
    raw: {writes: 1000, watchers: 50, events: 200},
    output: {mebibytes: [1, 8], count: 8},
    artifacts: {count: 40, mebibytes: 1},
    krt: {count: 10},
    scale: {
      pods: [1, 8, 50, 200],
      runs: 300,
      binds: 1000,
      schedulerPods: [10, 100, 1000],
      finished: [0, 5000],
      pending: [100, 2000],
    },
  },
  full: {
    name: 'full',
    scenarios: everything,
    rounds: 3,
    warmUpRuns: 500,
    sequential: {count: 200, seconds: 30},
    closed: {concurrencies: [1, 8, 25, 64, 256], count: 1000, seconds: 20},
    open: {ratesPerSecond: [10, 25, 50, 75], seconds: 20},
    burst: {counts: [1000, 10_000], seconds: 300},
    idleSeconds: 40,
    growthRuns: 5000,
    raw: {writes: 2000, watchers: 50, events: 300},
    output: {mebibytes: [1, 8], count: 16},
    artifacts: {count: 100, mebibytes: 1},
    krt: {count: 20},
    scale: {
      pods: [1, 8, 50, 200, 500],
      runs: 1000,
      binds: 2000,
      schedulerPods: [10, 100, 1000, 5000],
      finished: [0, 10_000, 100_000],
      pending: [100, 2_000, 20_000],
    },
  },
};
