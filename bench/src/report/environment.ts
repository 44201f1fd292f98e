import {execFileSync} from 'node:child_process';
import {readFileSync, realpathSync} from 'node:fs';
import {cpus, loadavg, platform, release, tmpdir, totalmem} from 'node:os';
import {fileURLToPath} from 'node:url';
import type {Environment} from './bench-result.ts';

/** @param podDirectory where the volumes of Pods are; undefined: with everything else */
export function environment(podDirectory: string | undefined): Environment {
  const processors = cpus();
  return {
    commit: commit(),
    node: process.version,
    platform: `${platform()} ${release()}`,
    cpu: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    loadBefore: loadavg()[0] ?? 0,
    storage: filesystemOf(tmpdir()),
    podVolumes: filesystemOf(podDirectory ?? tmpdir()),
  };
}

/** Its kind and its options, as of /proc/mounts. */
function filesystemOf(path: string): string {
  const real = realpathSync(path);
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point = '']) => point === '/' || real === point || real.startsWith(`${point}/`))
    .toSorted(([, left = ''], [, right = '']) => right.length - left.length);
  return mounts[0]?.[2] ?? 'unknown';
}

function commit(): string {
  try {
    const cwd = fileURLToPath(new URL('.', import.meta.url));
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {cwd, encoding: 'utf8', stdio: 'pipe'}).trim();
  } catch {
    return 'unknown';
  }
}
