import {createHash} from 'node:crypto';
import {access, chmod, mkdir, mkdtemp, readFile, rename, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {run} from '@kruntimes/command';

/** As images name processors. */
export type Architecture = 'amd64' | 'arm64';

export interface NodeProgram {
  path: string;
  version: string;
  /** Name of the npm package it comes from. */
  packageName: string;
}

const lockFile = fileURLToPath(new URL('../../tools/toolchain/package-lock.json', import.meta.url));

/** The Node that tools/toolchain pins: the npm package for the processor, checked against the lock file, kept in the cache. */
export async function nodeProgram(architecture: Architecture, cacheDirectory: string): Promise<NodeProgram> {
  const packageName = `node-linux-${architecture === 'amd64' ? 'x64' : architecture}`;
  const lock = JSON.parse(await readFile(lockFile, 'utf8')) as {
    packages: Record<string, {version: string; integrity: string}>;
  };
  const pin = lock.packages[`node_modules/${packageName}`];
  if (!pin) throw new Error(`tools/toolchain does not pin ${packageName}`);
  const target = join(cacheDirectory, `${packageName}-${pin.version}`);
  const program: NodeProgram = {path: target, version: pin.version, packageName};
  if (await isThere(target)) return program;
  await mkdir(cacheDirectory, {recursive: true});
  const work = await mkdtemp(join(cacheDirectory, 'node-'));
  try {
    await run('npm', ['pack', '--silent', `${packageName}@${pin.version}`], {cwd: work, timeoutMs: 300_000});
    const archive = join(work, `${packageName}-${pin.version}.tgz`);
    const digest = createHash('sha512')
      .update(await readFile(archive))
      .digest('base64');
    if (`sha512-${digest}` !== pin.integrity) throw new Error(`${packageName} is not the one of the lock file`);
    await run('tar', ['-xzf', archive, '-C', work, '--strip-components=2', 'package/bin/node']);
    await chmod(join(work, 'node'), 0o755);
    // Nobody ever sees half of it.
    await rename(join(work, 'node'), target);
  } finally {
    await rm(work, {recursive: true, force: true});
  }
  return program;
}

async function isThere(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
