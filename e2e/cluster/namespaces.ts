import {spawn} from 'node:child_process';
import {closeSync, openSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {type CommandOptions, type CommandResult, command, run} from '@kruntimes/command';
import type {ClusterLayout} from './layout.ts';

/** In the environment of each process of a node that is no container: so they are found, whoever started them. */
const MARK = 'KRUNTIMES_E2E_NODE';
const END_LIMIT_MS = 60_000;

/**
 * The namespaces of a node: net, mount, pid, ipc and uts. Their first process, tini, reaps what the others leave behind; when
 * it is killed, the kernel ends all the others, and the namespaces with their mounts and network go with them.
 */
export class NodeNamespaces {
  readonly #layout: ClusterLayout;
  /** The first process, as the host counts. */
  readonly #pid: number;

  private constructor(layout: ClusterLayout, pid: number) {
    this.#layout = layout;
    this.#pid = pid;
  }

  /** Makes them, with a network that leads to the host and nowhere else. */
  static async create(layout: ClusterLayout): Promise<NodeNamespaces> {
    const {name, directory, hostAddress, nodeAddress, linkPrefix, range} = layout;
    const namespaces = [
      '--net',
      '--mount',
      '--pid',
      '--ipc',
      '--uts',
      '--fork',
      '--kill-child=SIGKILL',
      '--mount-proc',
    ];
    const first = ['tini', '--', 'sleep', 'infinity'];
    const parent = spawnMarked(layout, 'node', ['unshare', ...namespaces, ...first]);
    const pid = await firstChild(parent);
    const node = new NodeNamespaces(layout, pid);
    await run('ip', ['link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(pid)]);
    await run('ip', ['address', 'add', `${hostAddress}/${linkPrefix}`, 'dev', name]);
    await run('ip', ['link', 'set', name, 'up']);
    await run('ip', ['route', 'add', range, 'via', nodeAddress]);
    // Also when the link is gone, nothing that is meant for the cluster leaves the machine.
    await run('ip', ['route', 'replace', 'blackhole', range, 'metric', '4096']);
    await node.mustRun(['sh', '-euc', setUp, 'set-up', name, directory, `${nodeAddress}/${linkPrefix}`, range]);
    return node;
  }

  /** Those of a node that is running, undefined where there is none. */
  static async find(layout: ClusterLayout): Promise<NodeNamespaces | undefined> {
    for (const {pid, first} of await markedProcesses(layout.name)) if (first) return new NodeNamespaces(layout, pid);
    return undefined;
  }

  /** Ends all processes of a node, and removes its network. */
  static async destroy({name, range}: ClusterLayout): Promise<void> {
    const deadline = performance.now() + END_LIMIT_MS;
    for (;;) {
      const left = await markedProcesses(name);
      if (left.length === 0) break;
      if (performance.now() > deadline)
        throw new Error(`processes of ${name} do not end: ${left.map(({pid}) => pid).join(' ')}`);
      for (const {pid} of left) kill(pid);
      await delay(20);
    }
    await command('ip', ['link', 'delete', name]);
    await command('ip', ['route', 'delete', 'blackhole', range, 'metric', '4096']);
  }

  /** Runs a command among the node's processes, with its network and mounts. */
  async run(words: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return await command('nsenter', this.#enter(words), options);
  }

  async mustRun(words: readonly string[], options?: CommandOptions): Promise<string> {
    return await run('nsenter', this.#enter(words), options);
  }

  /** Starts a server that goes on when this process ends. Its log is `log/NAME.log`. */
  startServer(name: string, words: readonly string[], path: string): void {
    const pidFile = join(this.#layout.directory, 'pids', name);
    // The number that the process has inside, where it is killed.
    const program = ['sh', '-euc', 'echo $$ > "$1"; shift; exec "$@"', name, pidFile, ...words];
    spawnMarked(this.#layout, name, ['nsenter', ...this.#enter(program)], path);
  }

  /** Whether a server that was started has not ended. */
  async isServerRunning(name: string): Promise<boolean> {
    const pidFile = join(this.#layout.directory, 'pids', name);
    return (await this.run(['sh', '-c', 'kill -0 "$(cat "$1")"', 'running', pidFile])).code === 0;
  }

  /** Kills a server and waits until it has ended. */
  async killServer(name: string, signal: 'KILL' | 'TERM'): Promise<void> {
    const pidFile = join(this.#layout.directory, 'pids', name);
    const script = 'pid=$(cat "$1"); kill -"$2" "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done';
    await this.mustRun(['sh', '-euc', script, 'kill', pidFile, signal]);
  }

  /** The command that runs a command inside. */
  enter(words: readonly string[]): string[] {
    return ['nsenter', ...this.#enter(words)];
  }

  #enter(words: readonly string[]): string[] {
    return ['--target', String(this.#pid), '--net', '--mount', '--pid', '--ipc', '--uts', '--', ...words];
  }
}

/** What the node sees of the host's files is what it needs; what its programs would write there, they write elsewhere. */
const setUp = `
  name=$1 directory=$2 address=$3 range=$4
  hostname "$name"
  mount --make-rprivate /
  mount --make-rshared /
  for folder in /run /var/lib /var/log; do mount -t tmpfs tmpfs "$folder"; done
  mkdir -p /run/containerd /run/lock /var/lib/kubelet /var/lib/cni /var/log/containers
  mount --bind "$directory/kubelet" /var/lib/kubelet
  ip link set lo up
  ip address add "$address" dev eth0
  ip link set eth0 up
  # Addresses that no Pod and no Service has go nowhere, least of all back.
  ip route add blackhole "$range"
  echo 1 > /proc/sys/net/ipv4/ip_forward
`;

function spawnMarked(layout: ClusterLayout, log: string, words: readonly string[], path?: string): number {
  const [program, ...args] = words;
  const output = openSync(join(layout.directory, 'log', `${log}.log`), 'a', 0o600);
  try {
    const env = {PATH: path ?? `${process.env['PATH']}:/usr/sbin:/sbin`, HOME: '/root', [MARK]: layout.name};
    const child = spawn(program!, args, {stdio: ['ignore', output, output], detached: true, env});
    child.on('error', () => {});
    if (child.pid === undefined) throw new Error(`${program} could not be started`);
    child.unref();
    return child.pid;
  } finally {
    closeSync(output);
  }
}

/** The process that a new one has started, which is to come soon. */
async function firstChild(pid: number): Promise<number> {
  for (;;) {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => undefined);
    if (text === undefined) throw new Error('unshare could not make the namespaces of a node: see log/node.log');
    if (text.trim() !== '') return Number(text.trim().split(' ')[0]);
    await delay(10);
  }
}

/** Processes of a node, as the host counts; `first` is the one that the others depend on. */
async function markedProcesses(name: string): Promise<{pid: number; first: boolean}[]> {
  const found: {pid: number; first: boolean}[] = [];
  for (const entry of await readdir('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const environment = await readFile(`/proc/${entry}/environ`, 'utf8').catch(() => '');
    if (!environment.split('\0').includes(`${MARK}=${name}`)) continue;
    const status = await readFile(`/proc/${entry}/status`, 'utf8').catch(() => '');
    // Its number in each namespace, from the host's to its own.
    const numbers = /^NSpid:\t(.*)$/m.exec(status)?.[1]?.split('\t') ?? [];
    found.push({pid: Number(entry), first: numbers.length > 1 && numbers.at(-1) === '1'});
  }
  return found;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
