import {randomUUID} from 'node:crypto';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {
  GROUP,
  isTerminal,
  RUNTIME_LABEL,
  type Run,
  type RunSpec,
  type Runtime,
  type RuntimeSpec,
  runKind,
  runtimeKind,
  VERSION,
  WORKSPACE_VOLUME,
} from '@kruntimes/api-types';
import {type CommandResult, command} from '@kruntimes/command';
import {DevCluster, type DevClusterOptions, kubeModule} from '@kruntimes/krt-cli/dev';
import {type Client, kinds} from '@kruntimes/reconciler-kit';
import {
  type AuditEvent,
  type ControlPlane,
  FaultProxy,
  startControlPlane,
  waitFor,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import {RunWatch} from './run-watch.ts';

const krt = fileURLToPath(new URL('../../apps/krt-cli/dist/main.js', import.meta.url));

export interface SystemOptions {
  /** Added to the command line of each runtimed. */
  runtimedArgs?: readonly string[];
  /** The same of the controller. */
  controllerArgs?: readonly string[];
  /** More environment of controller and scheduler. */
  env?: Readonly<Record<string, string>>;
  /** The apps and runtimed reach the API server through {@link System.faultProxy}. */
  faultProxy?: boolean;
  /** Programs for more images. */
  images?: DevClusterOptions['images'];
  /** How long a container that keeps ending waits before it is started again. */
  backOff?: DevClusterOptions['backOff'];
}

export interface TestRuntimeOptions {
  replicas: number;
  runs: number;
  /** Default: that of bash-runtime. */
  container?: {image: string; args?: string[]; ports?: {containerPort: number}[]};
  /** More of the Runtime. */
  spec?: Partial<RuntimeSpec>;
}

/** A whole kruntimes, and what its users do with it. */
export class System {
  readonly controlPlane: ControlPlane;
  readonly cluster: DevCluster;
  readonly #faultProxy: FaultProxy | undefined;
  readonly #client: Client;
  readonly #runs: RunWatch;

  private constructor(
    controlPlane: ControlPlane,
    cluster: DevCluster,
    faultProxy: FaultProxy | undefined,
    runs: RunWatch,
  ) {
    this.controlPlane = controlPlane;
    this.cluster = cluster;
    this.#faultProxy = faultProxy;
    this.#client = cluster.client;
    this.#runs = runs;
  }

  static async start(options: SystemOptions = {}): Promise<System> {
    const controlPlane = await startControlPlane({
      controllers: true,
      resolve: {goModule: kubeModule, log: (line) => console.error(line)},
    });
    let proxy: FaultProxy | undefined;
    if (options.faultProxy) {
      const tls = controlPlane.issueCertificate({commonName: 'proxy', hosts: ['127.0.0.1']});
      proxy = await FaultProxy.start(controlPlane.config, {tls});
    }
    const cluster = await DevCluster.start({
      controlPlane,
      args: {runtimed: options.runtimedArgs ?? [], controller: options.controllerArgs ?? []},
      ...(options.env && {env: options.env}),
      ...(options.images && {images: options.images}),
      ...(options.backOff && {backOff: options.backOff}),
      ...(proxy && {serverFor: () => proxy.server}),
    });
    return new System(controlPlane, cluster, proxy, await RunWatch.start(cluster.client));
  }

  async stop(): Promise<void> {
    await this.#runs.stop();
    try {
      await this.cluster.stop();
    } finally {
      // Whatever went wrong before: a control plane that stays would keep the test run from ending.
      await this.#faultProxy?.[Symbol.asyncDispose]();
      await this.controlPlane.stop();
    }
  }

  get directory(): string {
    return this.cluster.directory;
  }

  get faultProxy(): FaultProxy {
    if (!this.#faultProxy) throw new Error('this system was started without a fault proxy');
    return this.#faultProxy;
  }

  async createNamespace(): Promise<string> {
    const {metadata} = await this.#client.kind(kinds.Namespace).create({metadata: {generateName: 'test-'}});
    const name = metadata?.name ?? '';
    await waitForObject(this.#client.kind(kinds.ServiceAccount), {namespace: name, name: 'default'});
    return name;
  }

  /** Creates the Runtime `bash` and waits until all its Pods take Runs. */
  async createRuntime(namespace: string, {replicas, runs, container, spec}: TestRuntimeOptions): Promise<void> {
    await this.#client.kind(runtimeKind).create({
      apiVersion: `${GROUP}/${VERSION}`,
      kind: 'Runtime',
      metadata: {name: 'bash', namespace},
      spec: {
        replicas,
        capacity: {resources: {runs}},
        template: {
          spec: {containers: [{name: 'runtime', ...(container ?? {image: 'kruntimes-bash-runtime:latest'})}]},
        },
        ...spec,
      },
    });
    await this.#untilReady(namespace, replicas);
  }

  async scaleRuntime(namespace: string, replicas: number): Promise<void> {
    const body = {spec: {replicas}};
    await this.#client.kind(runtimeKind).patch({name: 'bash', namespace}, {type: 'merge', body});
    await this.#untilReady(namespace, replicas);
  }

  async runtimeAvailable(namespace: string, name: string): Promise<Runtime> {
    return await waitForObject(
      this.#client.kind(runtimeKind),
      {namespace, name},
      ({spec, status}) => (status?.readyReplicas ?? 0) === (spec.replicas ?? 1),
      {timeoutMs: 30_000},
    );
  }

  /** Names of the Runtime Pods that are not on their way out. */
  async podNames(namespace: string): Promise<string[]> {
    const {items} = await this.#client.kind(kinds.Pod).list({namespace, labelSelector: RUNTIME_LABEL});
    return items.filter(({metadata}) => !metadata?.deletionTimestamp).map(({metadata}) => metadata?.name ?? '');
  }

  /** A Run for the Runtime `bash`, with whatever `spec` says else. */
  async create(namespace: string, spec: Partial<RunSpec>, name?: string): Promise<Run> {
    return await this.#client.kind(runKind).create({
      apiVersion: `${GROUP}/${VERSION}`,
      kind: 'Run',
      metadata: {namespace, ...(name === undefined ? {generateName: 'run-'} : {name})},
      spec: {runtime: 'bash', ...spec},
    });
  }

  async finish(namespace: string, spec: Partial<RunSpec>): Promise<Run> {
    const {metadata} = await this.create(namespace, spec);
    return await this.ended(namespace, metadata?.name ?? '');
  }

  async cancel(namespace: string, name: string): Promise<void> {
    const body = {spec: {cancelRequested: true}};
    await this.#client.kind(runKind).patch({name, namespace}, {type: 'merge', body});
  }

  async ended(namespace: string, name: string, timeoutMs?: number): Promise<Run> {
    return await this.until(namespace, name, ({status}) => isTerminal(status?.phase), timeoutMs);
  }

  async phase(namespace: string, name: string, phase: string): Promise<Run> {
    return await this.until(namespace, name, ({status}) => status?.phase === phase);
  }

  /** Resolves with the first state of the Run for which `holds`. One watch serves all who wait. */
  async until(namespace: string, name: string, holds: (run: Run) => boolean, timeoutMs?: number): Promise<Run> {
    return await this.#runs.until(namespace, name, holds, timeoutMs);
  }

  async krt(namespace: string, args: readonly string[]): Promise<CommandResult> {
    return await command(process.execPath, [krt, '--namespace', namespace, ...args], {env: this.#env()});
  }

  async kubectl(namespace: string, args: readonly string[], input?: string): Promise<CommandResult> {
    return await command('kubectl', ['--namespace', namespace, ...args], {
      env: this.#env(),
      ...(input !== undefined && {input}),
    });
  }

  /** Runs a snippet as a user would paste it, with kubectl's context in this namespace. */
  async shell(namespace: string, snippet: string): Promise<CommandResult> {
    const kubeconfig = join(this.directory, `${namespace}.kubeconfig`);
    await this.controlPlane.writeKubeconfig(kubeconfig, {...this.controlPlane.config, namespace});
    return await command('bash', ['-euo', 'pipefail', '-c', snippet], {env: {...this.#env(), KUBECONFIG: kubeconfig}});
  }

  /** What `krt logs` prints of a Run. */
  async logs(run: Run): Promise<CommandResult> {
    return await this.krt(run.metadata?.namespace ?? '', ['logs', run.metadata?.name ?? '']);
  }

  /** What `krt logs` prints on standard output, as bytes. */
  async logBytes(run: Run): Promise<Buffer> {
    const path = join(this.directory, `log-${run.metadata?.uid}`);
    const line = `"${process.execPath}" "${krt}" logs ${run.metadata?.name} > "${path}"`;
    const {code, stderr} = await this.shell(run.metadata?.namespace ?? '', line);
    if (code !== 0) throw new Error(stderr);
    return readFileSync(path);
  }

  /** A word that no other process has in its command line. */
  marker(): string {
    return `marker-${randomUUID()}`;
  }

  /** Ids of the processes with `marker` in their command line, those of `sh` and `bash -c` that only quote it included. */
  processes(marker: string): number[] {
    const found: number[] = [];
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
      try {
        if (readFileSync(`/proc/${name}/cmdline`, 'utf8').includes(marker)) found.push(Number(name));
      } catch {
        // It ended while we looked.
      }
    }
    return found;
  }

  /** Resolves when nothing with `marker` in its command line runs any more. */
  async untilGone(marker: string): Promise<void> {
    const deadline = performance.now() + 60_000;
    for (let left = this.processes(marker); left.length > 0; left = this.processes(marker)) {
      if (performance.now() > deadline) throw new Error(`processes are left: ${left.join(' ')}`);
      // Nothing tells when a process of somebody else ends.
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** The workspaces that Pods still have after a minute; none, as soon as there is none. */
  async workspacesLeft(): Promise<string[]> {
    const deadline = performance.now() + 60_000;
    for (;;) {
      const left = this.workspaces();
      if (left.length === 0 || performance.now() > deadline) return left;
      // Nothing tells when a directory is gone: look again in the next turn of the event loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Id of the main process of a container. */
  processId(namespace: string, pod: string, container: 'runtime' | 'runtimed'): number {
    const pid = this.cluster.agent.worker(namespace, pod)?.container(container)?.pid;
    if (pid === undefined) throw new Error(`${namespace}/${pod} has no running container ${container}`);
    return pid;
  }

  async killRuntimed(namespace: string, pod: string): Promise<void> {
    this.cluster.killContainer({namespace, name: pod}, 'runtimed');
  }

  async killRuntimeServer(namespace: string, pod: string): Promise<void> {
    this.cluster.killContainer({namespace, name: pod}, 'runtime');
  }

  /** kill -9, and a new process. */
  async restart(app: 'controller' | 'scheduler'): Promise<void> {
    await this.cluster[app].kill();
    await this.cluster[app].start();
  }

  /** Who made a request: the part of kruntimes, or `test`. */
  nameOf({user}: AuditEvent): string {
    const {username = ''} = user;
    if (username.endsWith(':kruntimes-controller')) return 'controller';
    if (username.endsWith(':kruntimes-scheduler')) return 'scheduler';
    if (username.endsWith(':kruntimes-runtimed')) return 'runtimed';
    if (user.groups?.includes('system:masters') && username.startsWith('system:')) return username;
    return username.startsWith('system:') ? username : 'test';
  }

  /** Until nothing but Leases has been written for a second. */
  async quiet(): Promise<void> {
    for (let attempt = 0; attempt < 60; attempt++) {
      const mark = await this.controlPlane.auditMark();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      const events = await this.controlPlane.auditEvents(mark);
      if (events.every(({verb, objectRef}) => verb === 'watch' || objectRef?.resource === 'leases')) return;
    }
    throw new Error('the system did not come to rest within a minute');
  }

  async #untilReady(namespace: string, replicas: number): Promise<void> {
    const ready = ({status}: {status?: {conditions?: {type: string; status: string}[]}}): boolean =>
      status?.conditions?.some(({type, status: is}) => type === 'Ready' && is === 'True') ?? false;
    await waitFor(
      this.#client.kind(kinds.Pod),
      (pods) => pods.length === replicas && pods.every((pod) => ready(pod as Parameters<typeof ready>[0])),
      {namespace, labelSelector: RUNTIME_LABEL, timeoutMs: 60_000, description: `${replicas} ready Pods`},
    );
  }

  /** The workspaces, and whatever else programs left beside them. */
  workspaces(): string[] {
    const pods = join(this.directory, 'p');
    return readdirSync(pods).flatMap((pod) => {
      const root = join(pods, pod, WORKSPACE_VOLUME);
      // What begins with a dot is runtimed's own.
      const names = existsSync(root) ? readdirSync(root).filter((name) => !name.startsWith('.')) : [];
      return names.map((name) => join(root, name));
    });
  }

  #env(): NodeJS.ProcessEnv {
    return {...process.env, KUBECONFIG: this.cluster.kubeconfigPath};
  }
}
