import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {fileURLToPath} from 'node:url';
import {describe, expect, test} from '@jest/globals';
import {processTable} from './node/process-table.ts';

const program = fileURLToPath(new URL('demo.ts', import.meta.url));

function startDemo(...args: string[]): ChildProcess {
  return spawn(process.execPath, ['--conditions=development', program, '--no-build', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** Resolves with what was printed as soon as `pattern` is in it, or at the end. */
async function outputOf(child: ChildProcess, pattern?: RegExp): Promise<string> {
  let text = '';
  return await new Promise((resolve) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (pattern?.test(text)) resolve(text);
    });
    child.once('close', () => resolve(text));
  });
}

describe('the demo', () => {
  test('shows the examples of the usage guide and ends by itself', async () => {
    const demo = startDemo('--once');
    const exited = once(demo, 'exit');
    const text = await outputOf(demo);
    expect([await exited, text]).toEqual([[0, null], text]);
    expect(text).toMatch(/\$ krt runtime get bash\n.*\n {2}bash +2 +2 +4 +True +True/);
    expect(text).toMatch(/\$ krt run -f hello\.yaml --follow\n(.*\n)* {2}hello\n/);
    expect(text).toMatch(/hello +bash +Succeeded +Completed +0/);
    expect(text).toMatch(/\$ krt logs env-example\n {2}hello\n/);
    expect(text).toMatch(/\$ krt result outputs-example result\n {2}ok\n/);
    expect(text).toMatch(/20 Runs of `echo hello`.*median \d+ ms/);
    expect(text).toMatch(/✓ all processes have ended, all files are removed/);
  }, 300_000);

  test('Ctrl-C ends everything that it has started', async () => {
    const demo = startDemo('--stay');
    const exited = once(demo, 'exit');
    const text = await outputOf(demo, /export KUBECONFIG=\S+\n/);
    const directory = /KUBECONFIG=(\S+)\/kubeconfig/.exec(text)?.[1] ?? 'none';
    // What it said, where it did not come so far.
    expect(directory === 'none' ? text : '').toBe('');
    demo.kill('SIGINT');
    expect(await exited).toEqual([0, null]);
    const left = (await processTable()).filter(({cwd}) => cwd.startsWith(directory));
    expect(left).toEqual([]);
  }, 300_000);
});
