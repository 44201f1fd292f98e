import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test} from '@jest/globals';
import {Client, kinds, type Logger, Manager, Transport} from '../index.ts';
import {type ControlPlaneAccess, sharedControlPlane, waitForObject} from '../testing/index.ts';
import {exclusiveScope} from './exclusive-scope.ts';

// Candidates ask every two to four seconds, and the machine may have other things to do.
jest.setTimeout(180_000);

const annotation = 'example.com/installation';
const cluster = 'app.cluster';

let controlPlane: ControlPlaneAccess;
let transport: Transport;
let client: Client;
/** Of the Leases. */
let namespace: string;
let replicas: Replica[];

beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  transport = new Transport(controlPlane.config);
  client = new Client(transport);
});
afterAll(() => transport.close());
beforeEach(async () => {
  replicas = [];
  namespace = await controlPlane.createNamespace();
});
afterEach(async () => {
  await Promise.all(replicas.map((replica) => replica.stop()));
});

/** What an installation brings with it. */
async function install(name: string, installation: string): Promise<void> {
  await client.kind(kinds.Lease).create({metadata: {name, namespace, annotations: {[annotation]: installation}}});
}

/** Leases are compared by whole seconds: the next one is younger. */
async function installLater(name: string, installation: string): Promise<void> {
  const {items} = await client.kind(kinds.Lease).list({namespace});
  const created = items.map(({metadata}) => Date.parse(metadata?.creationTimestamp ?? ''));
  for (;;) {
    const probe = await client.kind(kinds.Lease).create({metadata: {generateName: 'probe-', namespace}});
    if (created.every((time) => time < Date.parse(probe.metadata?.creationTimestamp ?? ''))) break;
  }
  await install(name, installation);
}

class Replica {
  /** Reasons for not standing, as logged. */
  readonly refusals: string[] = [];
  readonly manager: Manager;
  readonly ended: Promise<unknown>;
  readonly #stop = new AbortController();
  readonly #refused = Promise.withResolvers<void>();

  constructor(installation: string, scope?: string) {
    const note = (message: string, fields?: object): void => {
      if (message !== 'not standing for election') return;
      this.refusals.push((fields as {reason: string}).reason);
      this.#refused.resolve();
    };
    const none = (): void => {};
    const logger: Logger = {debug: none, info: none, warn: none, error: note, child: () => logger};
    this.manager = new Manager({
      config: controlPlane.config,
      healthProbeBindAddress: '127.0.0.1:0',
      logger,
      leaderElection: exclusiveScope({
        app: 'app',
        leaseNamespace: namespace,
        installation,
        annotation,
        ...(scope !== undefined && {namespace: scope}),
      }),
    });
    this.ended = this.manager.start(this.#stop.signal).then(
      () => undefined,
      (error: unknown) => error,
    );
    replicas.push(this);
  }

  /** Resolves with the reason. */
  async refused(): Promise<string | undefined> {
    await this.#refused.promise;
    return this.refusals[0];
  }

  async readyz(): Promise<number> {
    const {status} = await fetch(`http://${this.manager.healthAddress}/readyz`);
    return status;
  }

  async stop(): Promise<unknown> {
    this.#stop.abort();
    return await this.ended;
  }
}

describe('an installation', () => {
  test('leads in its own scope, and its replicas stand by and are ready', async () => {
    await install(cluster, 'a');
    const leader = new Replica('a');
    await leader.manager.elected;
    const standby = new Replica('a');
    await waitForReady(standby);
    expect([await leader.readyz(), standby.manager.isLeader]).toEqual([200, false]);
    await leader.stop();
    await standby.manager.elected;
    expect(standby.refusals).toEqual([]);
  });

  test('is refused in the scope of another one until that is gone', async () => {
    await install(cluster, 'a');
    const second = new Replica('b');
    expect(await second.refused()).toBe(
      `installation a works in all namespaces (Lease ${namespace}/${cluster}), so b must not work in all namespaces: ` +
        'give one of them another scope, or uninstall it',
    );
    expect(await second.readyz()).toBe(500);
    await client.kind(kinds.Lease).delete({name: cluster, namespace});
    await install(cluster, 'b');
    await second.manager.elected;
    expect(await second.readyz()).toBe(200);
  });

  test('is refused for one namespace when an older one has all', async () => {
    await install(cluster, 'a');
    const first = new Replica('a');
    await first.manager.elected;
    await installLater('app.namespace.team', 'b');
    const second = new Replica('b', 'team');
    expect(await second.refused()).toContain('installation a works in all namespaces');
    // The older one is not disturbed, though it starts again.
    await first.stop();
    const again = new Replica('a');
    await again.manager.elected;
    expect([again.refusals, second.manager.isLeader]).toEqual([[], false]);
  });

  test('is refused for all namespaces when an older one has one of them, and two may have one each', async () => {
    await install('app.namespace.team', 'a');
    await installLater(cluster, 'b');
    await installLater('app.namespace.other', 'c');
    const second = new Replica('b');
    expect(await second.refused()).toContain('installation a works in namespace team');
    const [one, two] = [new Replica('a', 'team'), new Replica('d', 'other')];
    await one.manager.elected;
    // Its Lease is that of c.
    expect(await two.refused()).toContain('installation c works in namespace other');
  });

  test('gives up when its Lease is deleted, and does not make it again', async () => {
    await install(cluster, 'a');
    const leader = new Replica('a');
    await leader.manager.elected;
    await client.kind(kinds.Lease).delete({name: cluster, namespace});
    expect(await leader.ended).toMatchObject({code: 'LEADERSHIP_LOST'});
    const next = new Replica('a');
    expect(await next.refused()).toContain(`Lease ${namespace}/${cluster} is missing`);
    expect((await client.kind(kinds.Lease).list({namespace})).items).toEqual([]);
    await install(cluster, 'a');
    await next.manager.elected;
    await waitForObject(client.kind(kinds.Lease), {name: cluster, namespace}, ({spec}) => !!spec?.holderIdentity);
  });
});

async function waitForReady(replica: Replica): Promise<void> {
  for (;;) {
    if (replica.manager.healthAddress !== undefined && (await replica.readyz()) === 200) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}
