import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync} from 'node:fs';
import {mkdir, mkdtemp, rm, watch} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {describe, expect, test} from '@jest/globals';
import {ProcessGuard} from './process-guard.ts';

/** Resolves when no process holds the writing end of the pipe any more: when all that inherited it are gone. */
async function endOf(stream: NodeJS.ReadableStream): Promise<void> {
  stream.resume();
  await once(stream, 'end');
}

async function untilRemoved(directory: string, parent: string): Promise<void> {
  for await (const _ of watch(parent, {signal: AbortSignal.timeout(10_000)})) if (!existsSync(directory)) return;
}

describe('ProcessGuard', () => {
  test('close ends what is left, descendants and those that left their family included, and removes directories', async () => {
    const guard = new ProcessGuard();
    const directory = await mkdtemp(join(tmpdir(), 'process-guard-'));
    guard.addDirectory(directory);
    // The grandchild has a session of its own, ignores SIGTERM and outlives its parent.
    const script = `node -e 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)' & setsid sleep 1000 & wait`;
    const child = spawn('sh', ['-c', script], {
      env: {...process.env, ...guard.environment},
      stdio: ['ignore', 'pipe', 'ignore'],
      detached: true,
    });
    guard.add(child);
    const gone = endOf(child.stdout);
    await guard.close();
    await gone;
    expect(existsSync(directory)).toBe(false);
  });

  test('works when its owner is killed with SIGKILL', async () => {
    const parent = await mkdtemp(join(tmpdir(), 'process-guard-'));
    const directory = join(parent, 'guarded');
    await mkdir(directory);
    const source = `
      const {ProcessGuard} = await import(${JSON.stringify(fileURLToPath(new URL('process-guard.ts', import.meta.url)))});
      const {spawn} = await import('node:child_process');
      const guard = new ProcessGuard();
      guard.addDirectory(${JSON.stringify(directory)});
      const child = spawn('sleep', ['1000'], {env: {...process.env, ...guard.environment}, stdio: ['ignore', 'inherit', 'ignore'], detached: true});
      guard.add(child);
      child.once('spawn', () => process.stderr.write('started'));
    `;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', source], {stdio: ['ignore', 'pipe', 'pipe']});
    const gone = endOf(owner.stdout);
    await once(owner.stderr, 'data');
    const removed = untilRemoved(directory, parent);
    owner.kill('SIGKILL');
    await gone;
    await removed;
    await rm(parent, {recursive: true});
  });
});
