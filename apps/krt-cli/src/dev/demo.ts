/**
 * The demonstration: `npm run demo` at the root of the repository. Starts a development cluster, shows the usage guide's
 * examples on it, and leaves it to the user until Ctrl-C.
 */
import {spawn} from 'node:child_process';
import {mkdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {DemoScreen} from './demo/demo-screen.ts';
import {showTour} from './demo/demo-tour.ts';
import {DevCluster} from './dev-cluster.ts';

const usage = `Usage: npm run demo [-- OPTION...]

Starts an API server, controller, scheduler and two Runtime Pods as processes of this machine and runs the
examples of docs/usage-guide.md on them. On a terminal everything stays up until Ctrl-C.

Options:
  --once      end after the tour, also on a terminal
  --stay      stay until Ctrl-C, also without a terminal
  --no-build  use the apps as they are built
  --help      show this help
`;

const root = fileURLToPath(new URL('../../../../', import.meta.url));
const krt = [process.execPath, join(root, 'apps', 'krt-cli', 'dist', 'main.js')];
const screen = new DemoScreen();
const stop = new AbortController();
let interruptedBy: NodeJS.Signals | undefined;

const options = parseOptions();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // Somebody insists: all that was started ends with this process anyway.
    if (interruptedBy !== undefined) process.exit(130);
    interruptedBy = signal;
    stop.abort(new Error('interrupted'));
  });
}
// Nobody reads any more, as with "| head": that is an end like Ctrl-C.
process.stdout.on('error', () => stop.abort(new Error('nobody reads the output')));
process.exitCode = await demo();
process.exit();

async function demo(): Promise<number> {
  screen.title('kruntimes', 'short tasks on warm Pods, on a Kubernetes API server of your own');
  screen.heading('Starting');
  let cluster: DevCluster | undefined;
  try {
    if (options.build) await interruptible(screen.step('apps are built', (note) => buildApps(note)));
    cluster = await interruptible(startCluster());
    const directory = join(cluster.directory, 'demo');
    await mkdir(directory);
    const commands = await installCommands(cluster);
    await interruptible(showTour({cluster, screen, krt, directory, signal: stop.signal}));
    showWayOn(cluster, commands);
    if (options.stay) await new Promise((resolve) => stop.signal.addEventListener('abort', resolve));
  } catch (error) {
    screen.line();
    if (!stop.signal.aborted) {
      screen.line(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
      if (cluster !== undefined) screen.line(`Logs: ${cluster.controller.logPath}, ${cluster.scheduler.logPath}`);
      await cluster?.stop();
      return 1;
    }
  }
  screen.heading('Stopping');
  const running = cluster;
  if (running) await screen.step('all processes have ended, all files are removed', () => running.stop());
  else screen.line('  What was just being started ends with this process.');
  return 0;
}

async function startCluster(): Promise<DevCluster> {
  return await screen.step('API server, controller, scheduler and local node are up', (note) =>
    DevCluster.start({progress: note}),
  );
}

/** `krt`, and `kubectl krt` where there is kubectl, for the user's own terminal. */
async function installCommands({directory}: DevCluster): Promise<string> {
  const folder = join(directory, 'bin');
  await mkdir(folder);
  for (const name of ['krt', 'kubectl-krt']) {
    const program = join(root, 'apps', 'krt-cli', 'dist', name === 'krt' ? 'main.js' : `${name}.js`);
    const script = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
    await writeFile(join(folder, name), script, {mode: 0o755});
  }
  return folder;
}

function showWayOn({kubeconfigPath, controller, scheduler}: DevCluster, commands: string): void {
  if (!options.stay) return;
  screen.heading('It is yours until Ctrl-C. In another terminal:');
  screen.line(`  export KUBECONFIG=${kubeconfigPath}`);
  screen.line(`  export PATH=${commands}:$PATH`);
  screen.line();
  screen.line(`  krt run --runtime bash --follow -- bash -c 'echo "$(hostname) says hi"'`);
  screen.line('  krt get -w');
  screen.line('  krt run --help');
  screen.line('  kubectl get runtimes,runs,pods');
  screen.line(`  krt run --runtime bash --name slow --script 'sleep 60'`);
  screen.line(`  kubectl patch run slow --type merge -p '{"spec":{"cancelRequested":true}}'`);
  screen.line('  kubectl logs -f -l kruntimes.io/runtime=bash -c runtimed');
  screen.line('  kubectl scale runtime bash --replicas 3');
  screen.line();
  screen.line(`  Logs: ${controller.logPath}`);
  screen.line(`        ${scheduler.logPath}`);
}

/** The same work, unless the user ends it. */
async function interruptible<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {});
  const interrupted = new Promise<never>((_, reject) => {
    const {signal} = stop;
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), {once: true});
  });
  return await Promise.race([work, interrupted]);
}

async function buildApps(note: (text: string) => void): Promise<void> {
  note('building the apps');
  const turbo = join(root, 'node_modules', '.bin', 'turbo');
  const args = ['run', 'build', '--filter=./apps/*', '--output-logs=errors-only', '--ui=stream'];
  const env = {...process.env, TURBO_TELEMETRY_DISABLED: '1'};
  const child = spawn(turbo, args, {cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'], signal: stop.signal});
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk));
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`the build failed:\n${output}`))));
  });
}

function parseOptions(): {build: boolean; stay: boolean} {
  try {
    const {values} = parseArgs({
      options: {
        once: {type: 'boolean'},
        stay: {type: 'boolean'},
        'no-build': {type: 'boolean'},
        help: {type: 'boolean', short: 'h'},
      },
    });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    return {build: !values['no-build'], stay: values.stay ?? (!values.once && process.stdout.isTTY)};
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exit(2);
  }
}
