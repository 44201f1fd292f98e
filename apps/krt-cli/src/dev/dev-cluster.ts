import {mkdir, mkdtemp} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {
  Client,
  type ClusterConfig,
  isNotFound,
  kinds,
  type Logger,
  Manager,
  silentLogger,
  Transport,
} from '@kruntimes/reconciler-kit';
import {
  type ControlPlane,
  type ControlPlaneAccess,
  type ControlPlaneOptions,
  ProcessGuard,
  startControlPlane,
} from '@kruntimes/reconciler-kit/testing';
import {AppProcess} from './app-process.ts';
import {ensureNamespace, installIdentity, installKinds, installPolicies} from './cluster-objects.ts';
import {type AppName, builtPrograms, imagesOf, kubeModule, type LocalPrograms} from './local-programs.ts';
import type {BackOffOptions} from './node/back-off.ts';
import type {ImageMap} from './node/image-map.ts';
import {NodeAgent} from './node/node-agent.ts';

/** Who speaks with the API server: for those who want to put something in between. */
export type DevClusterPart = 'controller' | 'scheduler' | 'pods';

export interface DevClusterOptions {
  /** Somebody else's control plane, with controllers. Default: one of its own. */
  controlPlane?: ControlPlaneAccess;
  /** For a control plane of its own. */
  controlPlaneOptions?: ControlPlaneOptions;
  /** Everything happens in this namespace. Wanted on a control plane that others use too. Default: all namespaces. */
  namespace?: string;
  /** Default: the bundles of this repository. */
  programs?: LocalPrograms;
  /** Arguments that are added to those of each start of an app. */
  args?: Partial<Record<AppName, readonly string[]>>;
  /** More environment of controller and scheduler. */
  env?: Readonly<Record<string, string>>;
  /** Programs for more images. */
  images?: ImageMap;
  /** The URL by which a part reaches the API server, for example that of a proxy. Default: the API server's. */
  serverFor?: (part: DevClusterPart) => string;
  nodeName?: string;
  /** Where its own directory is made, with volumes and logs of Pods; a short path. Default: the folder for temporary files. */
  parentDirectory?: string;
  /** Where the logs of controller and scheduler go. Default: below its own directory. */
  logDirectory?: string;
  /** How long a container that keeps ending waits before it is started again. */
  backOff?: BackOffOptions;
  logger?: Logger;
  /** A sentence for people about each step. */
  progress?: (step: string) => void;
  /** Told of each process of controller, scheduler and of an API server of its own (`apiserver`) when it starts. */
  onStart?: (name: string, pid: number) => void;
}

const SYSTEM_NAMESPACE = 'kruntimes-system';

/**
 * A whole kruntimes on one machine: an API server, the controller and the scheduler as processes with identities of
 * their own, and a node that runs Runtime Pods as processes.
 *
 * @example
 * await using cluster = await DevCluster.start();
 * console.log(`export KUBECONFIG=${cluster.kubeconfigPath}`);
 */
export class DevCluster implements AsyncDisposable {
  readonly controlPlane: ControlPlaneAccess;
  /** The administrator's. */
  readonly client: Client;
  readonly directory: string;
  readonly controller: AppProcess;
  readonly scheduler: AppProcess;
  readonly #options: DevClusterOptions;
  readonly #ownControlPlane: ControlPlane | undefined;
  readonly #guard: ProcessGuard;
  readonly #images: ImageMap;
  readonly #nodeName: string;
  #agent: {agent: NodeAgent; manager: RunningManager} | undefined;

  private constructor(parts: {
    options: DevClusterOptions;
    controlPlane: ControlPlaneAccess;
    ownControlPlane: ControlPlane | undefined;
    guard: ProcessGuard;
    directory: string;
    client: Client;
    controller: AppProcess;
    scheduler: AppProcess;
    images: ImageMap;
  }) {
    this.#options = parts.options;
    this.controlPlane = parts.controlPlane;
    this.#ownControlPlane = parts.ownControlPlane;
    this.#guard = parts.guard;
    this.#images = parts.images;
    this.#nodeName = parts.options.nodeName ?? `local${parts.options.namespace ? `-${parts.options.namespace}` : ''}`;
    this.directory = parts.directory;
    this.client = parts.client;
    this.controller = parts.controller;
    this.scheduler = parts.scheduler;
  }

  /** Resolves when everything is ready for the first Runtime. */
  static async start(options: DevClusterOptions = {}): Promise<DevCluster> {
    const progress = options.progress ?? (() => {});
    const programs = options.programs ?? (await builtPrograms());
    const ownControlPlane =
      options.controlPlane === undefined ? await startOwnControlPlane(options, progress) : undefined;
    const controlPlane = options.controlPlane ?? ownControlPlane!;
    const guard = new ProcessGuard();
    // Short, for the sake of Unix sockets below it.
    const directory = await mkdtemp(join(options.parentDirectory ?? tmpdir(), 'krt-'));
    guard.addDirectory(directory);
    const logs = options.logDirectory ?? join(directory, 'logs');
    await mkdir(logs, {recursive: true});
    const client = new Client(new Transport(controlPlane.config, {userAgent: 'krt-dev'}));
    try {
      progress('installing the kinds of kruntimes.io');
      await installKinds(client);
      const home = options.namespace ?? SYSTEM_NAMESPACE;
      if (options.namespace === undefined) {
        await ensureNamespace(client, home);
        // They hold in all namespaces, and so have no place on a control plane that others use too.
        await installPolicies(client);
      }
      const app = async (name: 'controller' | 'scheduler'): Promise<AppProcess> => {
        const token = await installIdentity(client, {app: name, home, namespace: options.namespace});
        const kubeconfig = join(directory, `${name}.kubeconfig`);
        const server = options.serverFor?.(name) ?? controlPlane.server;
        await controlPlane.writeKubeconfig(kubeconfig, {...controlPlane.tokenConfig(token), server, namespace: home});
        const scope = options.namespace === undefined ? [] : [`--namespace=${options.namespace}`];
        return await AppProcess.create({
          name,
          command: programs[name],
          args: [`--kubeconfig=${kubeconfig}`, ...scope, ...(options.args?.[name] ?? [])],
          env: options.env,
          logPath: join(logs, `${name}.log`),
          guard,
          onStart: (pid) => options.onStart?.(name, pid),
        });
      };
      const [controller, scheduler] = await Promise.all([app('controller'), app('scheduler')]);
      const withArgs = (name: AppName): readonly string[] => [...programs[name], ...(options.args?.[name] ?? [])];
      const images = {
        ...imagesOf({
          ...programs,
          runtimed: withArgs('runtimed'),
          'bash-runtime': withArgs('bash-runtime'),
          'runtime-maintainer': withArgs('runtime-maintainer'),
        }),
        ...options.images,
      };
      const cluster = new DevCluster({
        options,
        controlPlane,
        ownControlPlane,
        guard,
        directory,
        client,
        controller,
        scheduler,
        images,
      });
      try {
        progress('starting controller, scheduler and a local node');
        await Promise.all([controller.start(), scheduler.start(), cluster.startNodeAgent()]);
        return cluster;
      } catch (error) {
        await cluster.stop();
        throw error;
      }
    } catch (error) {
      await guard.close();
      await ownControlPlane?.stop();
      throw error;
    }
  }

  /** An administrator's. */
  get kubeconfigPath(): string {
    return this.controlPlane.kubeconfigPath;
  }

  get nodeName(): string {
    return this.#nodeName;
  }

  /** The API server, where it is one of its own. */
  get ownControlPlane(): ControlPlane | undefined {
    return this.#ownControlPlane;
  }

  /** The node agent, which knows the processes of each Pod. @throws while it is stopped. */
  get agent(): NodeAgent {
    if (this.#agent === undefined) throw new Error('the node agent is stopped');
    return this.#agent.agent;
  }

  /** Kills the process of one container, which the node agent then starts again. Returns its process id. */
  killContainer(pod: {namespace: string; name: string}, container: string, signal: NodeJS.Signals = 'SIGKILL'): number {
    const runner = this.agent.worker(pod.namespace, pod.name)?.container(container);
    const pid = runner?.pid;
    if (runner === undefined || pid === undefined)
      throw new Error(`${pod.namespace}/${pod.name} has no running container ${container}`);
    runner.kill(signal);
    return pid;
  }

  async startNodeAgent(): Promise<void> {
    if (this.#agent !== undefined) return;
    const {controlPlane, directory} = this;
    const {namespace, serverFor, backOff, logger = silentLogger} = this.#options;
    const user = `system:node:${this.#nodeName}`;
    const manager = newManager(controlPlane.userConfig({user, groups: ['system:masters']}), 'node-agent', logger);
    const agent = new NodeAgent({
      nodeName: this.#nodeName,
      client: manager.client,
      events: manager.events,
      images: this.#images,
      guard: this.#guard,
      directory,
      clusterCa: controlPlane.ca,
      apiServer: serverFor?.('pods') ?? controlPlane.server,
      serving: controlPlane.issueCertificate({commonName: user, hosts: ['127.0.0.1']}),
      logger: logger.child({logger: 'node-agent'}),
      ...(namespace === undefined ? {} : {namespace}),
      ...(backOff && {backOff}),
    });
    manager.add(agent);
    this.#agent = {agent, manager: run(manager, logger)};
  }

  /** All processes of all Pods end at once, without a word to anybody: like the death of a node. */
  async stopNodeAgent(): Promise<void> {
    const running = this.#agent;
    this.#agent = undefined;
    await running?.manager.stop();
  }

  async stop(): Promise<void> {
    await Promise.all([this.controller.kill(), this.scheduler.kill(), this.stopNodeAgent()]);
    if (this.#ownControlPlane === undefined) await this.#leave();
    await this.client.transport.close();
    await this.#guard.close();
    await this.#ownControlPlane?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Takes its node out of a control plane that goes on living. */
  async #leave(): Promise<void> {
    const {client} = this;
    const pods = client.kind(kinds.Pod);
    const ignoreMissing = (error: unknown): void => {
      if (!isNotFound(error)) throw error;
    };
    for await (const {metadata} of pods.listAll({fieldSelector: `spec.nodeName=${this.#nodeName}`})) {
      const ref = {name: metadata?.name ?? '', namespace: metadata?.namespace};
      await pods.delete(ref, {gracePeriodSeconds: 0}).catch(ignoreMissing);
    }
    await client.kind(kinds.Node).delete({name: this.#nodeName}).catch(ignoreMissing);
  }
}

interface RunningManager {
  stop(): Promise<void>;
}

function newManager(config: ClusterConfig, name: string, logger: Logger): Manager {
  return new Manager({name, config, logger, gracefulShutdownMs: 30_000});
}

function run(manager: Manager, logger: Logger): RunningManager {
  const stopping = new AbortController();
  const running = manager.start(stopping.signal);
  running.catch((error: unknown) => logger.error('part of the development cluster failed', {error}));
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

async function startOwnControlPlane(
  options: DevClusterOptions,
  progress: (step: string) => void,
): Promise<ControlPlane> {
  const log = (line: string): void => progress(line);
  progress('starting the API server');
  return await startControlPlane({
    onStart: (pid) => options.onStart?.('apiserver', pid),
    controllers: true,
    ...options.controlPlaneOptions,
    resolve: {goModule: kubeModule, log, ...options.controlPlaneOptions?.resolve},
  });
}
