import {writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {API_VERSION, isTerminal, runKind, runtimeKind} from '@kruntimes/api-types';
import {Watcher} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import {parse} from 'yaml';
import type {DevCluster} from '../dev-cluster.ts';
import {isOnPath, runCommand} from './command-line-tool.ts';
import type {DemoScreen} from './demo-screen.ts';
import {findExample, guideExamples} from './guide-examples.ts';

export interface TourOptions {
  cluster: DevCluster;
  screen: DemoScreen;
  /** Command line of krt. */
  krt: readonly string[];
  /** Where the manifests are written. */
  directory: string;
  signal: AbortSignal;
}

const SEQUENTIAL_RUNS = 20;
const OUTPUTS_SCRIPT = 'echo "result=ok" >> "$KRUNTIME_OUTPUTS"';

/** Shows the main job on a running cluster, with the words of the usage guide. */
export async function showTour(options: TourOptions): Promise<void> {
  const {cluster, screen, directory, signal} = options;
  const examples = await guideExamples();
  const env = {...process.env, KUBECONFIG: cluster.kubeconfigPath, NO_COLOR: '1'};

  const krt = async (line: string, ...args: string[]): Promise<void> => {
    screen.command(`krt ${line}`);
    const [program = '', ...fixed] = options.krt;
    const {text, exitCode} = await runCommand(program, [...fixed, ...args], {env, cwd: directory, signal});
    screen.output(text);
    if (exitCode !== 0) throw new Error(`krt ${line} ended with exit code ${exitCode}`);
  };
  const write = async (id: string, name: string): Promise<string> => {
    const {text} = findExample(examples, id);
    await writeFile(join(directory, name), text);
    screen.file(name, text);
    return text;
  };

  screen.heading('1. A Runtime keeps Pods warm');
  screen.say('Each Pod runs a Runtime server and, as its sidecar, runtimed, which talks to the API server.');
  const runtimeText = await write('Runtime/bash', 'runtime.yaml');
  if (await isOnPath('kubectl')) {
    screen.command('kubectl apply -f runtime.yaml');
    const {text, exitCode} = await runCommand('kubectl', ['apply', '-f', 'runtime.yaml'], {
      env,
      cwd: directory,
      signal,
    });
    screen.output(text);
    if (exitCode !== 0) throw new Error('kubectl apply failed');
  } else {
    const runtime = parse(runtimeText);
    await cluster.client.kind(runtimeKind).create({...runtime, metadata: {...runtime.metadata, namespace: 'default'}});
    screen.output('created by the demo, as kubectl apply -f runtime.yaml would: there is no kubectl on this machine');
  }
  await screen.step('both Pods are ready: runtimed and bash-runtime, twice', async () => {
    const ref = {name: 'bash', namespace: 'default'};
    const isReady = ({spec, status}: {spec: {replicas?: number}; status?: {readyReplicas?: number}}): boolean =>
      status?.readyReplicas === (spec.replicas ?? 1);
    await waitForObject(cluster.client.kind(runtimeKind), ref, isReady, {
      timeoutMs: 120_000,
      description: 'Runtime bash',
    });
  });
  await krt('runtime get bash', 'runtime', 'get', 'bash');

  screen.heading('2. A Run is one execution in a warm Pod');
  screen.say('The scheduler binds it to a free slot, runtimed has it executed, the result stands in its status.');
  await write('Run/hello', 'hello.yaml');
  await krt('run -f hello.yaml --follow', 'run', '-f', 'hello.yaml', '--follow');
  await krt('get hello', 'get', 'hello');

  screen.heading('3. Environment variables, and the logs afterwards');
  await write('Run/env-example', 'env-example.yaml');
  await krt('run -f env-example.yaml --wait', 'run', '-f', 'env-example.yaml', '--wait');
  await krt('logs env-example', 'logs', 'env-example');

  screen.heading('4. Outputs: a result that programs can read');
  screen.say('What a script writes to $KRUNTIME_OUTPUTS stands in status.outputs.');
  const run = ['run', '--runtime', 'bash', '--name', 'outputs-example', '--script', OUTPUTS_SCRIPT, '--wait'];
  await krt(`run --runtime bash --name outputs-example --script '${OUTPUTS_SCRIPT}' --wait`, ...run);
  await krt('result outputs-example', 'result', 'outputs-example');
  await krt('result outputs-example result', 'result', 'outputs-example', 'result');

  screen.heading('5. How fast is warm?');
  const times = await measureRuns(options);
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  screen.output(
    `${times.length} Runs of \`echo hello\`, one after another, from create to result: median ${median.toFixed(0)} ms, ` +
      `longest ${Math.max(...times).toFixed(0)} ms.`,
  );
  screen.output('API server, controller, scheduler, Pods and this demo share the machine.');
}

/** Milliseconds from the create request until a watch shows the end, one Run after another. */
async function measureRuns({cluster, signal}: TourOptions): Promise<number[]> {
  const runs = cluster.client.kind(runKind);
  const stop = new AbortController();
  const synced = Promise.withResolvers<void>();
  let ended = Promise.withResolvers<string>();
  const watching = new Watcher(runs, {namespace: 'default', labelSelector: 'demo=warm'}).run(
    {
      replace: () => synced.resolve(),
      event: (_type, {metadata, status}) => {
        if (isTerminal(status?.phase)) ended.resolve(metadata?.name ?? '');
      },
    },
    AbortSignal.any([stop.signal, signal]),
  );
  const times: number[] = [];
  try {
    await synced.promise;
    for (let index = 0; index < SEQUENTIAL_RUNS && !signal.aborted; index++) {
      ended = Promise.withResolvers();
      const metadata = {name: `warm-${index + 1}`, namespace: 'default', labels: {demo: 'warm'}};
      const started = performance.now();
      await runs.create({
        apiVersion: API_VERSION,
        kind: 'Run',
        metadata,
        spec: {runtime: 'bash', args: ['echo', 'hello']},
      });
      await ended.promise;
      times.push(performance.now() - started);
    }
  } finally {
    stop.abort();
    await watching;
  }
  return times;
}
