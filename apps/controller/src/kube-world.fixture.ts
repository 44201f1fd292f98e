/** For tests on a real API server: a namespace with the controller in it, which may do what the rules of the chart say and nothing else. */
import {readFile} from 'node:fs/promises';
import {runCrd, runtimeCrd} from '@kruntimes/api-types/crds';
import {Client, type Clock, Manager, silentLogger, systemClock, Transport} from '@kruntimes/reconciler-kit';
import {
  type ControlPlaneAccess,
  grantClusterRole,
  installDefinitions,
  sharedControlPlane,
} from '@kruntimes/reconciler-kit/testing';
import type {ClusterRole} from 'kubernetes-types/rbac/v1.d.ts';
import {parseAllDocuments} from 'yaml';
import {type AddControllersOptions, addControllers} from './add-controllers.ts';

/** Who has exactly the permissions of the controller. */
export const CONTROLLER_USER = 'kruntimes-controller-under-test';

export class KubeWorld {
  readonly controlPlane: ControlPlaneAccess;
  /** Of an administrator. */
  readonly client: Client;
  readonly namespace: string;
  readonly #stops: (() => Promise<void>)[] = [];

  private constructor(controlPlane: ControlPlaneAccess, client: Client, namespace: string) {
    this.controlPlane = controlPlane;
    this.client = client;
    this.namespace = namespace;
  }

  static async create(): Promise<KubeWorld> {
    const controlPlane = await sharedControlPlane();
    const transport = new Transport(controlPlane.config);
    const client = new Client(transport);
    await installDefinitions(client, [runCrd, runtimeCrd]);
    await grantPermissions(client);
    const world = new KubeWorld(controlPlane, client, await controlPlane.createNamespace());
    world.#stops.push(() => transport.close());
    return world;
  }

  /** Starts the controller for this namespace; the returned function stops it, as `close` does. */
  startController(options: Partial<AddControllersOptions> = {}): () => Promise<void> {
    const clock = options.clock ?? systemClock;
    const manager = new Manager({
      name: 'kruntimes-controller',
      config: this.controlPlane.userConfig({user: CONTROLLER_USER}),
      clock,
      logger: silentLogger,
    });
    addControllers(manager, {
      namespace: this.namespace,
      runtimedImage: 'runtimed:x',
      maintainerImage: 'maintainer:x',
      defaultRunTtl: 3600,
      maxFinishedRunsPerNamespace: 10_000,
      logger: silentLogger,
      ...options,
      clock,
    });
    const stop = new AbortController();
    const running = manager.start(stop.signal);
    const end = async (): Promise<void> => {
      stop.abort();
      await running;
    };
    this.#stops.push(end);
    return end;
  }

  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
  }
}

async function grantPermissions(client: Client): Promise<void> {
  const text = await readFile(new URL('../../../charts/kruntimes/files/rbac/controller.yaml', import.meta.url), 'utf8');
  const documents = parseAllDocuments(text).map((document) => document.toJS() as ClusterRole);
  const role = documents.find(({kind}) => kind === 'ClusterRole');
  if (role === undefined) throw new Error('controller.yaml has no ClusterRole');
  await grantClusterRole(client, role, CONTROLLER_USER);
}

/** A clock on which time passes so many times as fast, except for what is written into objects. */
export function fastClock(factor: number): Clock {
  const clock: Clock = {
    now: () => systemClock.now(),
    monotonic: () => systemClock.monotonic() * factor,
    setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms / factor),
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
  return clock;
}
