import type {Findings} from '../scenarios/scenario.ts';

/** Of one API server. */
export interface TargetResult extends Findings {
  name: string;
  /** Who created the Runs. */
  identity: string;
  runtime: {pods: number; slots: number} | undefined;
}

/** What a run of the benchmark found; the JSON that it writes. */
export interface BenchResult {
  /** Of this form of the JSON. */
  format: 1;
  startedAt: string;
  seconds: number;
  profile: string;
  environment: Environment;
  targets: TargetResult[];
}

export interface Environment {
  commit: string;
  node: string;
  platform: string;
  cpu: string;
  cores: number;
  memoryGiB: number;
  /** One-minute load average before the first Run: near 0 on a machine that has nothing else to do. */
  loadBefore: number;
  /** Filesystems: of the servers' data, of the volumes of Pods. */
  storage: string;
  podVolumes: string;
}
