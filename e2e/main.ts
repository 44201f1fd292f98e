// The whole system as it is installed, on a real node: builds the images, starts the node, runs the suites, ends the node.
//
//   npm run e2e [-- [--keep] [JEST ARGUMENT ...]]
//
// `--keep` leaves the node up: npm run e2e:cluster -- down ends it. The last line is "N passed, N failed".
import {type ChildProcess, spawn} from 'node:child_process';
import {constants} from 'node:os';
import {fileURLToPath} from 'node:url';
import {run} from '@kruntimes/command';
import {type BuiltImage, buildImages, describeBuilt} from '@kruntimes/images/build-images';
import {type Cluster, startCluster, stopCluster} from './cluster/cluster.ts';
import {clusterLayout} from './cluster/layout.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
const index = Number(process.env['KRUNTIMES_E2E_CLUSTER'] ?? 0);
const keep = process.argv.includes('--keep');
const jestArguments = process.argv.slice(2).filter((argument) => argument !== '--keep');

const times: [what: string, seconds: number][] = [];
let suites: ChildProcess | undefined;
let interrupted: NodeJS.Signals | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    interrupted ??= signal;
    suites?.kill(signal);
  });

let images: BuiltImage[] = [];
let verdict = '0 passed, 1 failed';
let succeeded = false;
try {
  images = await timed('images', () => buildImages({log: progress}));
  const cluster = await timed('node', () => startNode(images));
  if (interrupted === undefined) ({verdict, succeeded} = await timed('suites', () => runSuites(cluster)));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
}
if (!keep) await timed('end', () => stopCluster(clusterLayout(index)));

console.log('\nimage and size of its files');
for (const image of images) console.log(describeBuilt(image));
for (const [what, seconds] of times) console.log(`${what.padEnd(10)} ${seconds.toFixed(1)} s`);
console.log(verdict);
process.exitCode = interrupted ? 128 + constants.signals[interrupted] : succeeded ? 0 : 1;

function progress(line: string): void {
  process.stderr.write(`e2e: ${line}\n`);
}

async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const started = performance.now();
  try {
    return await work();
  } finally {
    times.push([what, (performance.now() - started) / 1000]);
  }
}

/** A node that has the images, also in its registry: what is called `latest` is pulled. */
async function startNode(built: readonly BuiltImage[]): Promise<Cluster> {
  const cluster = await startCluster({index, images: built.map(({archive}) => archive), log: progress});
  const bash = built.find(({name}) => name === 'kruntimes-bash-runtime')!;
  const target = `docker://${cluster.registry}/library/${bash.name}:latest`;
  // The fastest of what a registry takes.
  const plain = ['--insecure-policy', 'copy', '--quiet', '--dest-tls-verify=false', '--dest-compress-format=zstd'];
  await run('skopeo', [...plain, `docker-archive:${bash.archive}:${bash.name}:latest`, target], {timeoutMs: 300_000});
  return cluster;
}

/** The verdict is the last line that the suites print: here it has to wait. */
async function runSuites(cluster: Cluster): Promise<{verdict: string; succeeded: boolean}> {
  const env = {...process.env, KUBECONFIG: cluster.kubeconfig, KRUNTIMES_E2E_CLUSTER: String(index)};
  suites = spawn(process.execPath, ['tools/test.mjs', 'e2e', ...jestArguments], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  suites.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const code = await new Promise<number>((resolve) => suites!.on('close', (status) => resolve(status ?? 128)));
  const lines = output.trimEnd().split('\n');
  const last = /^\d+ passed, \d+ failed/.test(lines.at(-1) ?? '') ? lines.pop()! : verdict;
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`);
  return {verdict: last, succeeded: code === 0};
}
