import {existsSync} from 'node:fs';
import {mkdir, readFile, rm, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import type {CommandOptions, CommandResult} from '@kruntimes/command';
import {ControlPlaneAccess, type ControlPlaneState} from '@kruntimes/reconciler-kit/testing';
import {createControlGroups, removeControlGroups} from './control-groups.ts';
import {KUBELET_HEALTH_PORT, PAUSE_IMAGE, REGISTRY_PORT, writeClusterFiles} from './files.ts';
import {restoreHostSettings, saveHostSettings} from './host-settings.ts';
import {type ClusterLayout, clusterLayout} from './layout.ts';
import {prepareMachine} from './machine.ts';
import {NodeNamespaces} from './namespaces.ts';
import {writePauseImage} from './pause-image.ts';
import {type NodePrograms, resolveNodePrograms, searchPath} from './programs.ts';
import {ctrCommand, SERVERS, type ServerName, serverCommand} from './servers.ts';

export interface ClusterOptions {
  /** Which of the clusters of this machine, from 0. Default: `KRUNTIMES_E2E_CLUSTER`, else 0. */
  index?: number;
  /** Archives as `docker save` writes them, imported while the servers start. */
  images?: readonly string[];
  /** Progress, a line at a time. Default: standard error. */
  log?: (line: string) => void;
}

const START_LIMIT_MS = 300_000;

/**
 * Kubernetes on one real node, on this machine: etcd, kube-apiserver, controller manager, scheduler, kubelet, containerd,
 * kube-proxy, CoreDNS and an OCI registry. Nothing that runs on it can reach another machine. NetworkPolicies are accepted
 * but not enforced.
 */
export class Cluster {
  readonly layout: ClusterLayout;
  /** The API server: administrator's requests, and configurations for other users. */
  readonly access: ControlPlaneAccess;
  readonly #programs: NodePrograms;
  readonly #node: NodeNamespaces;

  /** @internal */
  constructor(layout: ClusterLayout, state: ControlPlaneState, programs: NodePrograms, node: NodeNamespaces) {
    this.layout = layout;
    this.access = new ControlPlaneAccess(state);
    this.#programs = programs;
    this.#node = node;
  }

  /** Path of a kubeconfig of an administrator. */
  get kubeconfig(): string {
    return this.access.kubeconfigPath;
  }

  /** `host:port` of the OCI registry, plain HTTP, the same on the host and on the node. Images of any name are pulled from it. */
  get registry(): string {
    return `${this.layout.nodeAddress}:${REGISTRY_PORT}`;
  }

  /** Runs a command on the node: its network, mounts and processes. */
  async inside(command: readonly string[], options?: CommandOptions): Promise<CommandResult> {
    return await this.#node.run(command, options);
  }

  /** The command, for this machine, that runs a command on the node. */
  enter(command: readonly string[]): string[] {
    return this.#node.enter(command);
  }

  /** Imports an archive as `docker save` writes it: its images need no pull. */
  async loadImage(archive: string): Promise<void> {
    await this.#node.mustRun(ctrCommand(this.#programs, 'images', 'import', resolve(archive)), {timeoutMs: 300_000});
  }

  /** Gives an image that is loaded another name; both are whole: `docker.io/library/NAME:TAG`. */
  async tagImage(name: string, other: string): Promise<void> {
    await this.#node.mustRun(ctrCommand(this.#programs, 'images', 'tag', '--force', name, other));
  }

  /** Kills a server of the node, and leaves it dead. */
  async killServer(name: ServerName): Promise<void> {
    await this.#node.killServer(name, 'KILL');
  }

  /** Starts a server of the node that was killed. */
  startServer(name: ServerName): void {
    const command = serverCommand(name, this.layout, this.#programs);
    this.#node.startServer(name, command, searchPath(this.#programs));
  }

  /** Kills the kubelet, starts it again and waits until it is healthy. */
  async restartKubelet(): Promise<void> {
    await this.killServer('kubelet');
    this.startServer('kubelet');
    const url = `http://${this.layout.nodeAddress}:${KUBELET_HEALTH_PORT}/healthz`;
    await this.waitUntil('the kubelet is healthy', async () =>
      fetch(url, {signal: AbortSignal.timeout(5_000)}).then(
        ({ok}) => ok,
        () => false,
      ),
    );
  }

  /** Ends the cluster. Nothing of it stays on the machine. */
  async stop(): Promise<void> {
    await stopCluster(this.layout);
  }

  /** @internal */
  async waitUntil(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + START_LIMIT_MS;
    while (!(await isSo())) {
      for (const name of SERVERS)
        if (existsSync(join(this.layout.directory, 'pids', name)) && !(await this.#node.isServerRunning(name)))
          throw new Error(`${name} has ended: ${await lastLines(this.layout, name)}`);
      if (performance.now() > deadline)
        throw new Error(
          `after ${START_LIMIT_MS / 1000} s it is still not so that ${what}; see ${this.layout.directory}/log`,
        );
      await delay(100);
    }
  }
}

/**
 * Starts a cluster, after ending one of the same index that is there, however it came to its end. It goes on when this process
 * ends: {@link Cluster.stop}, or `npm run e2e:cluster -- down`, ends it.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  const layout = clusterLayout(options.index ?? defaultIndex());
  await prepareMachine(log);
  const programs = await resolveNodePrograms(log);
  await stopCluster(layout);

  const started = performance.now();
  const took = (what: string): void => log(`${what}: ${((performance.now() - started) / 1000).toFixed(1)} s`);
  await mkdir(layout.directory, {recursive: true, mode: 0o755});
  try {
    const state = await writeClusterFiles(layout);
    await saveHostSettings(layout.directory);
    await createControlGroups(layout.name);
    const node = await NodeNamespaces.create(layout);
    const cluster = new Cluster(layout, state, programs, node);
    await writeFile(fileOf(layout), JSON.stringify({state, programs}), {mode: 0o600});
    await cluster.access.writeKubeconfig(state.kubeconfigPath, cluster.access.config);
    for (const name of SERVERS) if (name !== 'kubelet') cluster.startServer(name);

    // The kubelet does not wait for containerd: it ends.
    await cluster.waitUntil('containerd answers', async () =>
      node.run(ctrCommand(programs, 'version')).then(({code}) => code === 0),
    );
    const pause = join(layout.directory, 'pause.tar');
    await writePauseImage(programs.pause, PAUSE_IMAGE, pause);
    await cluster.loadImage(pause);
    await cluster.waitUntil('the API server is ready', () => cluster.access.isReady());
    took('API server ready');
    cluster.startServer('kubelet');
    // It takes the images one by one in any case.
    for (const archive of options.images ?? []) await cluster.loadImage(archive);
    if (options.images?.length) took('images imported');
    await cluster.waitUntil('the node is ready', () => isNodeReady(cluster));
    took('node ready');
    return cluster;
  } catch (error) {
    await stopCluster(layout, {keepLogs: true});
    throw error;
  }
}

/** The cluster that is running, for suites and for people. */
export async function findCluster(index = defaultIndex()): Promise<Cluster> {
  const layout = clusterLayout(index);
  const node = await NodeNamespaces.find(layout);
  const text = await readFile(fileOf(layout), 'utf8').catch(() => undefined);
  if (!node || text === undefined) throw new Error('No cluster is running: npm run e2e:cluster -- up starts one.');
  const {state, programs} = JSON.parse(text) as {state: ControlPlaneState; programs: NodePrograms};
  return new Cluster(layout, state, programs, node);
}

/** Ends what is there of a cluster, if anything is, however it came to its end. */
export async function stopCluster(layout: ClusterLayout, {keepLogs = false} = {}): Promise<void> {
  await NodeNamespaces.destroy(layout);
  await restoreHostSettings(layout.directory);
  await removeControlGroups(layout.name);
  if (keepLogs) return;
  await rm(layout.directory, {recursive: true, force: true});
}

const fileOf = ({directory}: ClusterLayout): string => join(directory, 'cluster.json');

function defaultIndex(): number {
  return Number(process.env['KRUNTIMES_E2E_CLUSTER'] ?? 0);
}

interface NodeObject {
  status?: {conditions?: {type: string; status: string}[]};
}

/** Whether Pods can run: the node says so, and the namespace has the ServiceAccount that they take. */
async function isNodeReady({access, layout}: Cluster): Promise<boolean> {
  try {
    const {status} = await access.adminRequest<NodeObject>('GET', `/api/v1/nodes/${layout.name}`);
    await access.adminRequest('GET', '/api/v1/namespaces/default/serviceaccounts/default');
    return status?.conditions?.some(({type, status: is}) => type === 'Ready' && is === 'True') ?? false;
  } catch {
    return false;
  }
}

async function lastLines({directory}: ClusterLayout, name: string): Promise<string> {
  const text = await readFile(join(directory, 'log', `${name}.log`), 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-10).join('\n');
}
