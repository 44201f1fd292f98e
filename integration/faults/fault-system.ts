import {randomUUID} from 'node:crypto';
import {cp, mkdir, mkdtemp, readdir, readFile, readlink, rename} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {
  API_VERSION,
  isTerminal,
  RUN_VOLUME,
  RUNTIME_LABEL,
  type Run,
  type Runtime,
  runKind,
  runtimeKind,
  WORKSPACE_VOLUME,
} from '@kruntimes/api-types';
import {DevCluster, type DevClusterOptions, kubeModule} from '@kruntimes/krt-cli/dev';
import {Cache, Client, type DeepReadonly, isAlreadyExists, kinds, Transport} from '@kruntimes/reconciler-kit';
import {
  FaultProxy,
  type KubeControlPlane,
  SocketProxy,
  startKubeControlPlane,
  waitFor,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import {Ledger} from '../support/ledger.ts';
import {readForm} from './form.ts';
import type {PlannedRun} from './programs.ts';
import {RunHistory} from './run-history.ts';

export interface FaultSystemOptions {
  pods: number;
  runsPerPod: number;
  /** All connections can be cut; else they are direct. */
  proxies?: boolean;
  args?: DevClusterOptions['args'];
  programs?: DevClusterOptions['programs'];
  /** Added to the spec of the Runtime. */
  runtime?: Partial<Runtime['spec']>;
}

const pollMs = 50;
const readyMs = 120_000;
/** A container that was killed comes back at once, as if every kill were its first. */
const quickRestarts = {initialMs: 100, maxMs: 500, resetAfterMs: 5_000};

/** A whole kruntimes whose every part can be killed, with a client, a ledger and a witness of everything that is stored. */
export class FaultSystem {
  readonly controlPlane: KubeControlPlane;
  readonly cluster: DevCluster;
  readonly namespace: string;
  readonly ledger: Ledger;
  readonly history: RunHistory;
  /** Between kube-apiserver and its clients. */
  readonly apiProxy: FaultProxy | undefined;
  /** Between etcd and kube-apiserver. */
  readonly etcdProxy: SocketProxy | undefined;
  readonly #client: Client;
  readonly #runs: Cache<Run>;
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;
  readonly #changed = new Set<() => void>();
  readonly #socketProxies: SocketProxy[] = [];

  private constructor(parts: {
    controlPlane: KubeControlPlane;
    cluster: DevCluster;
    namespace: string;
    ledger: Ledger;
    apiProxy: FaultProxy | undefined;
    etcdProxy: SocketProxy | undefined;
  }) {
    const {controlPlane, apiProxy, namespace} = parts;
    this.controlPlane = controlPlane;
    this.cluster = parts.cluster;
    this.namespace = namespace;
    this.ledger = parts.ledger;
    this.apiProxy = apiProxy;
    this.etcdProxy = parts.etcdProxy;
    this.history = RunHistory.start(controlPlane.etcdServer, namespace);
    this.#client = new Client(new Transport((apiProxy ?? controlPlane).config, {userAgent: 'client'}));
    this.#runs = new Cache(this.#client.kind(runKind), {namespace});
    const notify = (): void => {
      for (const check of this.#changed) check();
    };
    this.#runs.subscribe({add: notify, update: notify});
    this.#watching = this.#runs.start(this.#stop.signal);
  }

  /** Resolves when all Pods take Runs. */
  static async start(options: FaultSystemOptions): Promise<FaultSystem> {
    let etcdProxy: SocketProxy | undefined;
    const controlPlane = await startKubeControlPlane({
      controllers: true,
      resolve: {goModule: kubeModule, log: (line) => console.error(line)},
      durable: true,
      // The witness must be able to ask for every state that ever was.
      apiServerFlags: ['--etcd-compaction-interval=0'],
      ...(options.proxies && {
        etcdServerFor: async (etcdServer: string) => {
          etcdProxy = await SocketProxy.start({target: {port: Number(new URL(etcdServer).port)}});
          return `http://127.0.0.1:${(etcdProxy.address as {port: number}).port}`;
        },
      }),
    });
    let apiProxy: FaultProxy | undefined;
    let cluster: DevCluster | undefined;
    try {
      if (options.proxies) {
        const tls = controlPlane.issueCertificate({commonName: 'proxy', hosts: ['127.0.0.1']});
        apiProxy = await FaultProxy.start(controlPlane.config, {tls, maxRecorded: 1000});
      }
      const proxy = apiProxy;
      cluster = await DevCluster.start({
        controlPlane,
        backOff: quickRestarts,
        ...(options.args && {args: options.args}),
        ...(options.programs && {programs: options.programs}),
        ...(proxy && {serverFor: () => proxy.server}),
      });
      const ledgerDirectory = join(cluster.directory, 'ledger');
      await mkdir(ledgerDirectory);
      const namespace = await createNamespace(cluster.client);
      const ledger = new Ledger(ledgerDirectory);
      const system = new FaultSystem({controlPlane, cluster, namespace, ledger, apiProxy, etcdProxy});
      await system.#createRuntime(options);
      await system.#runs.synced();
      return system;
    } catch (error) {
      await cluster?.stop();
      await apiProxy?.close();
      await controlPlane.stop();
      await etcdProxy?.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
    await this.history.close();
    await this.#client.transport.close();
    try {
      await this.cluster.stop();
    } finally {
      for (const proxy of this.#socketProxies) await proxy.close();
      await this.apiProxy?.close();
      await this.controlPlane.stop();
      await this.etcdProxy?.close();
    }
  }

  /** Names of the Runtime Pods. */
  async podNames(): Promise<string[]> {
    const {items} = await this.cluster.client.kind(kinds.Pod).list({
      namespace: this.namespace,
      labelSelector: RUNTIME_LABEL,
    });
    return items.map(({metadata}) => metadata?.name ?? '').toSorted();
  }

  /**
   * Creates a Run as a careful client does, which cannot know whether a write without an answer was carried out: it tries
   * again until the Run is there.
   */
  async create({name, spec}: Pick<PlannedRun, 'name' | 'spec'>, limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs;
    const metadata = {name, namespace: this.namespace};
    for (;;) {
      try {
        await this.#client.kind(runKind).create({apiVersion: API_VERSION, kind: 'Run', metadata, spec});
        return;
      } catch (error) {
        if (isAlreadyExists(error)) return;
        if (performance.now() > deadline || !isTransient(error)) throw error;
        await delay(pollMs);
      }
    }
  }

  /** Resolves when the client has seen that Runs of these names have ended, or with the names of those that have not after `limitMs`. */
  async allEnded(names: readonly string[], limitMs: number): Promise<string[]> {
    const unfinished = (): string[] => names.filter((name) => !isTerminal(this.run(name)?.status?.phase));
    const {promise, resolve} = Promise.withResolvers<void>();
    const check = (): void => {
      if (unfinished().length === 0) resolve();
    };
    const timer = setTimeout(resolve, limitMs);
    this.#changed.add(check);
    check();
    await promise;
    clearTimeout(timer);
    this.#changed.delete(check);
    return unfinished();
  }

  /** Resolves when `holds` for what the client sees of a Run. */
  async until(name: string, holds: (run: DeepReadonly<Run>) => boolean, limitMs: number): Promise<DeepReadonly<Run>> {
    const {promise, resolve, reject} = Promise.withResolvers<DeepReadonly<Run>>();
    const check = (): void => {
      const run = this.run(name);
      if (run && holds(run)) resolve(run);
    };
    const timer = setTimeout(
      () => reject(new Error(`${name} did not get there in ${limitMs} ms: ${JSON.stringify(this.run(name)?.status)}`)),
      limitMs,
    );
    this.#changed.add(check);
    check();
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#changed.delete(check);
    }
  }

  /** What the client sees of a Run. */
  run(name: string): DeepReadonly<Run> | undefined {
    return this.#runs.get(`${this.namespace}/${name}`);
  }

  /** Deletes all Runs and forgets what was known of them. */
  async clear(): Promise<void> {
    const runs = this.cluster.client.kind(runKind);
    await runs.deleteCollection({namespace: this.namespace});
    await waitFor(this.#runs, (left) => left.length === 0, {timeoutMs: readyMs, description: 'all Runs deleted'});
    this.history.clear();
    this.ledger.clear();
  }

  /** Resolves when all Pods take Runs. */
  async ready(pods: number): Promise<void> {
    const isReady = (pod: {status?: {conditions?: {type: string; status: string}[]}}): boolean =>
      pod.status?.conditions?.some(({type, status}) => type === 'Ready' && status === 'True') ?? false;
    await waitFor(
      this.cluster.client.kind(kinds.Pod),
      (found) => found.length === pods && found.every((pod) => isReady(pod as Parameters<typeof isReady>[0])),
      {
        namespace: this.namespace,
        labelSelector: RUNTIME_LABEL,
        timeoutMs: readyMs,
        description: `${pods} Pods that take Runs`,
      },
    );
  }

  /** What is left of Runs on this machine after at most `limitMs`: paths of workspaces, and UIDs of Runs with processes. */
  async leftovers(limitMs: number): Promise<string[]> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const left = [...(await this.#workspaces()), ...this.ledger.running(), ...(await this.#programs())];
      // Nothing tells when the last one is gone.
      if (left.length === 0 || performance.now() > deadline) return left;
      await delay(pollMs);
    }
  }

  /** Puts a proxy between runtimed and the Runtime server of each Pod, and makes runtimed use it. */
  async interposeSockets(): Promise<SocketProxy[]> {
    for (const pod of await this.podNames()) {
      const directory = this.#podDirectory(pod);
      const path = join(directory, RUN_VOLUME, 'runtime.sock');
      const server = join(directory, RUN_VOLUME, 'server.sock');
      // A server goes on listening at a socket that was moved.
      await rename(path, server);
      const proxy = await SocketProxy.start({target: {path: server}, listen: {path}});
      this.#socketProxies.push(proxy);
      this.killContainer(pod, 'runtimed');
      await proxy.untilAccepted(1);
    }
    return this.#socketProxies;
  }

  killContainer(pod: string, container: 'runtime' | 'runtimed', signal: NodeJS.Signals = 'SIGKILL'): number {
    return this.cluster.killContainer({namespace: this.namespace, name: pod}, container, signal);
  }

  /** Process id of a container, while it runs. */
  pid(pod: string, container: 'runtime' | 'runtimed'): number | undefined {
    return this.cluster.agent.worker(this.namespace, pod)?.container(container)?.pid;
  }

  /** Copies what the parts have logged to where it stays; returns the directory. */
  async keepLogs(name: string): Promise<string> {
    const parent = readForm().logDirectory ?? (await mkdtemp(join(tmpdir(), 'kruntimes-faults-')));
    const target = join(parent, `${name.replaceAll(/\W+/g, '-')}-${randomUUID().slice(0, 8)}`);
    await mkdir(target, {recursive: true});
    const ignore = (): void => {};
    await cp(join(this.cluster.directory, 'logs'), join(target, 'apps'), {recursive: true}).catch(ignore);
    await cp(join(this.cluster.directory, 'l'), join(target, 'containers'), {recursive: true}).catch(ignore);
    await cp(join(this.cluster.directory, 'ledger'), join(target, 'ledger'), {recursive: true}).catch(ignore);
    for (const server of ['etcd.log', 'kube-apiserver.log']) {
      await cp(join(this.controlPlane.directory, server), join(target, server)).catch(ignore);
    }
    return target;
  }

  /** The Events about a Run, in a line each. */
  async eventsOf(name: string): Promise<string[]> {
    const {items} = await this.cluster.client.kind(kinds.Event).list({namespace: this.namespace});
    return items.filter(({regarding}) => regarding?.name === name).map(({reason, note}) => `${reason}: ${note}`);
  }

  /** Lines of the logs of all parts that name a Run. */
  async logLinesOf(run: {name: string; uid: string}): Promise<string[]> {
    const lines: string[] = [];
    for (const directory of ['logs', 'l']) {
      const root = join(this.cluster.directory, directory);
      for (const entry of await readdir(root, {recursive: true, withFileTypes: true})) {
        if (!entry.isFile()) continue;
        const text = await readFile(join(entry.parentPath, entry.name), 'utf8');
        for (const line of text.split('\n')) {
          if (line.includes(`"${run.name}"`) || line.includes(run.uid))
            lines.push(`${entry.name}: ${line.slice(0, 600)}`);
        }
      }
    }
    return lines;
  }

  async #createRuntime({pods, runsPerPod, runtime}: FaultSystemOptions): Promise<void> {
    await this.cluster.client.kind(runtimeKind).create({
      apiVersion: API_VERSION,
      kind: 'Runtime',
      metadata: {name: 'bash', namespace: this.namespace},
      spec: {
        replicas: pods,
        capacity: {resources: {runs: runsPerPod}},
        template: {spec: {containers: [{name: 'runtime', image: 'kruntimes-bash-runtime:latest'}]}},
        ...runtime,
      },
    });
    await this.ready(pods);
  }

  #podDirectory(pod: string): string {
    const worker = this.cluster.agent.worker(this.namespace, pod);
    if (worker === undefined) throw new Error(`there is no Pod ${pod}`);
    return worker.directory;
  }

  async #workspaces(): Promise<string[]> {
    const workspaces = await Promise.all(
      this.cluster.agent.workers.map(async ({directory}) => {
        const root = join(directory, WORKSPACE_VOLUME);
        const names = await readdir(root).catch(() => []);
        // What begins with a dot is runtimed's own.
        return names.filter((name) => !name.startsWith('.')).map((name) => join(root, name));
      }),
    );
    return workspaces.flat();
  }

  /** Processes that work in a workspace of this cluster: also those that hold no lock any more. */
  async #programs(): Promise<string[]> {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const homes = this.cluster.agent.workers.map(({directory}) => join(directory, WORKSPACE_VOLUME));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
        return homes.some((home) => cwd.startsWith(`${home}/`)) ? [`process ${pid} in ${cwd}`] : [];
      }),
    );
    return found.flat();
  }
}

function isTransient(error: unknown): boolean {
  return error instanceof Error && 'retryable' in error && error.retryable === true;
}

async function createNamespace(client: Client): Promise<string> {
  const {metadata} = await client.kind(kinds.Namespace).create({metadata: {generateName: 'faults-'}});
  const name = metadata?.name ?? '';
  await waitForObject(client.kind(kinds.ServiceAccount), {namespace: name, name: 'default'}, undefined, {
    timeoutMs: readyMs,
  });
  return name;
}
