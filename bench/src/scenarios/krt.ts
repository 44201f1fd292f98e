import {spawn} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import {summarise} from '../figures/latency-summary.ts';
import type {Scenario} from './scenario.ts';

const program = fileURLToPath(new URL('../../../apps/krt-cli/dist/main.js', import.meta.url));

export const krt: Scenario = {
  name: 'krt',
  title: 'the whole command `krt run --wait -- echo hi`, one after the other',
  needsWorld: true,
  async run(target, {krt: {count}}) {
    const env = {...process.env, KUBECONFIG: target.controlPlane!.kubeconfigPath};
    const args = ['run', '--namespace', target.namespace, '--runtime', target.runtime, '--wait', '--', 'echo', 'hi'];
    const times: number[] = [];
    for (let index = 0; index < count; index++) {
      const started = performance.now();
      await command([program, ...args], env);
      times.push(performance.now() - started);
    }
    const {p50, p95, max} = summarise(times)!;
    const figure = (name: string, value: number) => ({
      scenario: 'krt',
      load: `${count} times`,
      name,
      value,
      unit: 'ms',
    });
    return {figures: [figure('wall time, p50', p50), figure('wall time, p95', p95), figure('wall time, max', max)]};
  },
};

async function command(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn(process.execPath, args, {env, stdio: ['ignore', 'ignore', 'pipe']});
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => (complaint += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`krt ended with ${String(code)}: ${complaint}`);
}
