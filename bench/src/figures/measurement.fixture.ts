import type {Measurement} from '../measure/measurement.ts';
import type {BenchResult, TargetResult} from '../report/bench-result.ts';

/** A load of 100 Runs of which every one took 10 ms, with nothing wrong; `fields` say what is otherwise. */
export function measurement(fields: Partial<Measurement> = {}): Measurement {
  const latency = {count: 100, p50: 10, p95: 10, p99: 10, max: 10};
  const runs = fields.path === 'relay' ? 'runs.relay' : 'runs';
  return {
    scenario: 'sequential',
    load: '1',
    path: 'kruntimes',
    runs: 100,
    perSecond: 100,
    latency: {total: latency, created: latency, bound: latency, started: latency, sentToEnd: latency},
    overTime: Array.from({length: 10}, () => 10),
    requests: {[`create ${runs}`]: 100, [`update ${runs}`]: 200},
    seenRunning: 0,
    cpuSeconds: {server: 1, scheduler: 0.1, controller: 0.1, runtimed: 0.3, runtimeServer: 0.4},
    residentMiB: {server: 300},
    lost: 0,
    faults: {changedAfterEnd: 0, boundAgain: 0, unsuccessful: 0, refused: 0},
    ...fields,
  };
}

export function targetResult(measurements: Measurement[], fields: Partial<TargetResult> = {}): TargetResult {
  const runtime = {pods: 2, slots: 32};
  return {name: 'kube', identity: 'a ServiceAccount', runtime, measurements, figures: [], notes: [], ...fields};
}

export function benchResult(targets: TargetResult[]): BenchResult {
  return {
    format: 1,
    startedAt: '2026-01-01T00:00:00.000Z',
    seconds: 120,
    profile: 'short',
    environment: {
      commit: 'abc1234',
      node: 'v24.0.0',
      platform: 'linux 6',
      cpu: 'some',
      cores: 2,
      memoryGiB: 8,
      loadBefore: 0,
      storage: 'ext4',
      podVolumes: 'tmpfs',
    },
    targets,
  };
}
