import {execFileSync} from 'node:child_process';
import {cpus, loadavg, platform, release, totalmem} from 'node:os';
import {fileURLToPath} from 'node:url';
import type {Environment} from './bench-result.ts';

export function environment(): Environment {
  const processors = cpus();
  return {
    commit: commit(),
    node: process.version,
    platform: `${platform()} ${release()}`,
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: loadavg()[0] ?? 0,
  };
}

function commit(): string {
  try {
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {cwd, encoding: 'utf8', stdio: 'pipe'}).trim();
  } catch {
    return 'unknown';
  }
}
