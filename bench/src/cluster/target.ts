import {type Run, runKind} from '@kruntimes/api-types';
import {Client, type ClusterConfig, isApiError, type KindClient, Transport} from '@kruntimes/reconciler-kit';
import {loadKubeconfig} from '@kruntimes/reconciler-kit/client-node';
import {ControlPlaneAccess, type ControlPlaneFlavour} from '@kruntimes/reconciler-kit/testing';
import {type RequestCounts, requestCounts} from '../figures/api-requests.ts';
import type {ProcessGroups} from '../measure/process-sample.ts';
import {RunClock} from '../measure/run-clock.ts';
import {accessOf, BENCH_NAMESPACE, benchIdentities, removeBenchIdentities} from './bench-identity.ts';
import {ChildService} from './child-service.ts';
import {installRelayKind, relayKind, removeRelayKind} from './relay-kind.ts';
import type {RelayMethods} from './relay-process.ts';
import type {WorldMethods} from './world-process.ts';

/** Connections for requests of the client; the watch has one of its own. */
const CONNECTIONS = 64;

/** The two ways of a Run that are compared: through kruntimes, and through three clients that do nothing but pass it on. */
export type Path = 'kruntimes' | 'relay';

interface Parts {
  name: string;
  admin: Client;
  /** The identity to measure with. */
  config: ClusterConfig;
  identity: string;
  world?: ChildService<WorldMethods>;
  controlPlane?: ControlPlaneAccess;
  relays: ChildService<RelayMethods>[];
  namespace: string;
  runtime: string;
}

/** An API server with kruntimes on it, and a relay beside it. */
export class Target implements AsyncDisposable {
  readonly name: string;
  readonly admin: Client;
  readonly client: Client;
  readonly config: ClusterConfig;
  /** Who creates the Runs, for the report. */
  readonly identity: string;
  /** Where it was started here. */
  readonly world: ChildService<WorldMethods> | undefined;
  readonly controlPlane: ControlPlaneAccess | undefined;
  readonly namespace: string;
  readonly runtime: string;
  readonly #relays: ChildService<RelayMethods>[];
  readonly #clocks = new Map<string, RunClock>();

  private constructor(parts: Parts) {
    this.name = parts.name;
    this.admin = parts.admin;
    this.config = parts.config;
    this.identity = parts.identity;
    this.client = new Client(new Transport(parts.config, {connections: CONNECTIONS, userAgent: 'kruntimes-bench'}));
    this.world = parts.world;
    this.controlPlane = parts.controlPlane;
    this.namespace = parts.namespace;
    this.runtime = parts.runtime;
    this.#relays = parts.relays;
  }

  /** Starts a control plane with durable storage, kruntimes and a node that runs Pods as processes of this machine. */
  static async start(
    flavour: ControlPlaneFlavour,
    {podDirectory, ...runtime}: {pods: number; slots: number; podDirectory: string | undefined},
  ): Promise<Target> {
    const world = new ChildService<WorldMethods>(new URL('world-process.ts', import.meta.url));
    const relays: ChildService<RelayMethods>[] = [];
    try {
      const controlPlane = new ControlPlaneAccess(await world.call('start', {flavour, podDirectory}));
      const admin = new Client(new Transport(controlPlane.config));
      for (const namespace of [BENCH_NAMESPACE, 'bench']) await world.call('createNamespace', namespace);
      const configs = await benchIdentities(admin, controlPlane.config, ['client', 'binder', 'finisher']);
      relays.push(...(await startRelays(admin, configs)));
      const config = configs[0]!;
      await world.call('runtime', {namespace: 'bench', name: 'bash', ...runtime});
      const identity = 'a ServiceAccount';
      const names = {name: flavour, identity, namespace: 'bench', runtime: 'bash'};
      return new Target({...names, admin, config, world, controlPlane, relays});
    } catch (error) {
      await Promise.all([world, ...relays].map((service) => service.stop()));
      throw error;
    }
  }

  /** A cluster on which kruntimes and the Runtime are already. What it lacks permission for is left out. */
  static async connect(options: {kubeconfig: string; namespace: string; runtime: string}): Promise<Target> {
    const {namespace, runtime} = options;
    const own = await loadKubeconfig({path: options.kubeconfig});
    const admin = new Client(new Transport(own));
    const relays: ChildService<RelayMethods>[] = [];
    let config = own;
    let identity = 'a ServiceAccount';
    try {
      const configs = await benchIdentities(admin, own, ['client', 'binder', 'finisher']);
      relays.push(...(await startRelays(admin, configs)));
      config = configs[0]!;
    } catch (error) {
      if (!isApiError(error) || error.status !== 403) throw error;
      identity = 'the user of the kubeconfig';
      process.stderr.write(`no relay, and the identity of the kubeconfig: ${error.message}\n`);
    }
    return new Target({name: 'cluster', admin, config, identity, relays, namespace, runtime});
  }

  get hasRelay(): boolean {
    return this.#relays.length > 0;
  }

  runs(path: Path): KindClient<Run> {
    return this.client.kind(path === 'relay' ? relayKind : runKind);
  }

  /** The clock of a path; by default that of the Runtime of this target. */
  async clock(path: Path, where: {namespace?: string; runtime?: string} = {}): Promise<RunClock> {
    const namespace = path === 'relay' ? BENCH_NAMESPACE : (where.namespace ?? this.namespace);
    const runtime = path === 'relay' ? 'relay' : (where.runtime ?? this.runtime);
    const key = `${path}/${namespace}/${runtime}`;
    const known = this.#clocks.get(key);
    if (known !== undefined) return known;
    const clock = new RunClock(this.runs(path), {namespace, runtime});
    await clock.start();
    this.#clocks.set(key, clock);
    return clock;
  }

  /** Processes of this machine that take part; only this one where the cluster is elsewhere. */
  async processes(): Promise<ProcessGroups> {
    const own = await this.world?.call('processes');
    const relays = this.#relays.map(({pid}) => pid);
    const groups = {client: [process.pid], ...own, ...(relays.length > 0 && {relay: relays})};
    return groups;
  }

  /** What the API server has counted, once its counters rest; undefined where it does not say. */
  async requests(): Promise<RequestCounts | undefined> {
    try {
      let counts = await this.#metrics();
      for (let attempt = 0; attempt < 20; attempt++) {
        // A request is counted when it is over, which may be after others have seen what it did.
        const next = await this.#metrics();
        const settled = writesAsText(next) === writesAsText(counts);
        counts = next;
        if (settled) break;
      }
      return counts;
    } catch (error) {
      if (isApiError(error) && (error.status === 403 || error.status === 404)) return undefined;
      throw error;
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#clocks.values()].map((clock) => clock.stop()));
    if (this.world === undefined) await this.#tidy();
    await Promise.all(this.#relays.map((relay) => relay.stop()));
    await this.client.transport.close();
    await this.admin.transport.close();
    await this.world?.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #metrics(): Promise<RequestCounts> {
    const page = await this.admin.transport.request<string>({method: 'GET', path: '/metrics', accept: 'text/plain'});
    return requestCounts(page);
  }

  /** Takes what was made out of a cluster that goes on living. */
  async #tidy(): Promise<void> {
    await this.runs('kruntimes').deleteCollection({namespace: this.namespace, labelSelector: 'app=kruntimes-bench'});
    if (!this.hasRelay) return;
    await removeRelayKind(this.admin);
    await removeBenchIdentities(this.admin);
  }
}

async function startRelays(admin: Client, configs: readonly ClusterConfig[]): Promise<ChildService<RelayMethods>[]> {
  await installRelayKind(admin);
  const relays: ChildService<RelayMethods>[] = [];
  for (const [index, role] of (['binder', 'finisher'] as const).entries()) {
    const relay = new ChildService<RelayMethods>(new URL('relay-process.ts', import.meta.url));
    relays.push(relay);
    await relay.call('start', {access: await accessOf(configs[index + 1]!), namespace: BENCH_NAMESPACE, role});
  }
  return relays;
}

function writesAsText(counts: RequestCounts): string {
  const writes = Object.entries(counts).filter(([name]) => !/^(get|list|watch) |leases/.test(name));
  return JSON.stringify(writes.toSorted());
}
