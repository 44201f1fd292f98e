import {afterAll, afterEach, beforeAll, beforeEach, describe, expect, test} from '@jest/globals';
import type {ConfigMap} from 'kubernetes-types/core/v1.d.ts';
import {Cache, type CacheOptions, type DeepReadonly, objectKey} from './cache.ts';
import {Client, type KindClient} from './client.ts';
import {kinds} from './kind.ts';
import {type ControlPlane, defaultFlavour} from './testing/control-plane.ts';
import type {ControlPlaneAccess} from './testing/control-plane-access.ts';
import {FaultProxy} from './testing/fault-proxy.ts';
import {sharedControlPlane} from './testing/shared-control-plane.ts';
import {startControlPlane} from './testing/start-control-plane.ts';
import {waitFor} from './testing/wait-for.ts';
import {Transport} from './transport.ts';

/** What a cache tells, checked against what it told before. */
class Follower {
  readonly known = new Map<string, DeepReadonly<ConfigMap>>();
  readonly mistakes: string[] = [];
  added = 0;
  deleted = 0;
  unseenDeletes = 0;

  follow(cache: Cache<ConfigMap>): void {
    cache.subscribe({
      add: (object) => {
        this.added++;
        if (this.known.has(objectKey(object))) this.mistakes.push(`add of a known ${objectKey(object)}`);
        this.known.set(objectKey(object), object);
      },
      update: (previous, object) => {
        if (this.known.get(objectKey(object)) !== previous) this.mistakes.push(`update of ${objectKey(object)}`);
        this.known.set(objectKey(object), object);
      },
      delete: (object, {exact}) => {
        this.deleted++;
        if (!exact) this.unseenDeletes++;
        if (!this.known.delete(objectKey(object))) this.mistakes.push(`delete of an unknown ${objectKey(object)}`);
      },
    });
  }
}

function versions(objects: readonly DeepReadonly<ConfigMap>[]): Record<string, string | undefined> {
  return Object.fromEntries(
    objects
      .map((object): [string, string | undefined] => [objectKey(object), object.metadata?.resourceVersion])
      .toSorted(([a], [b]) => a.localeCompare(b)),
  );
}

/** Everything that one server needs: a direct client, and a proxied one for the cache under test. */
class Scene implements AsyncDisposable {
  readonly namespace: string;
  readonly proxy: FaultProxy;
  readonly direct: KindClient<ConfigMap>;
  readonly proxied: KindClient<ConfigMap>;
  readonly #transports: Transport[];
  readonly #controller = new AbortController();
  readonly #running: Promise<void>[] = [];

  private constructor(namespace: string, proxy: FaultProxy, transports: [Transport, Transport]) {
    this.namespace = namespace;
    this.proxy = proxy;
    this.#transports = transports;
    this.direct = new Client(transports[0]).kind(kinds.ConfigMap);
    this.proxied = new Client(transports[1]).kind(kinds.ConfigMap);
  }

  static async on(controlPlane: ControlPlaneAccess): Promise<Scene> {
    const proxy = await FaultProxy.start(controlPlane.config);
    const transports: [Transport, Transport] = [new Transport(controlPlane.config), new Transport(proxy.config)];
    return new Scene(await controlPlane.createNamespace(), proxy, transports);
  }

  start(options: CacheOptions<ConfigMap> = {}): {cache: Cache<ConfigMap>; follower: Follower} {
    const cache = new Cache(this.proxied, {
      namespace: this.namespace,
      labelSelector: 'test',
      freeze: true,
      ...options,
    });
    const follower = new Follower();
    follower.follow(cache);
    this.#running.push(cache.start(this.#controller.signal));
    return {cache, follower};
  }

  write(name: string, data: Record<string, string> = {}): Promise<ConfigMap> {
    const metadata = {name, namespace: this.namespace, labels: {test: 'yes'}};
    return this.direct.apply({metadata, data}, {fieldManager: 'test', force: true});
  }

  async remove(name: string): Promise<void> {
    await this.direct.delete({name, namespace: this.namespace});
  }

  /** Resolves when the cache holds what the server holds. */
  async agree(cache: Cache<ConfigMap>): Promise<void> {
    const {items} = await this.direct.list({namespace: this.namespace, labelSelector: 'test'});
    const truth = JSON.stringify(versions(items));
    await waitFor(cache, (objects) => JSON.stringify(versions(objects)) === truth, {timeoutMs: 20_000});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort();
    await Promise.all(this.#running);
    for (const transport of this.#transports) await transport.close();
    await this.proxy.close();
  }
}

describe('on a server that others use too', () => {
  let scene: Scene;

  beforeEach(async () => {
    scene = await Scene.on(await sharedControlPlane());
  });

  afterEach(async () => {
    await scene[Symbol.asyncDispose]();
  });

  test('one request brings the state and all changes', async () => {
    await scene.write('before', {x: '1'});
    const {cache, follower} = scene.start({indexers: {x: ({data}) => (data?.x === undefined ? [] : [data.x])}});
    await cache.synced();
    expect(cache.list().map(objectKey)).toEqual([`${scene.namespace}/before`]);
    expect(cache.get(`${scene.namespace}/before`)).toMatchObject({apiVersion: 'v1', kind: 'ConfigMap'});
    await scene.write('after', {x: '2'});
    await scene.write('before', {x: '2'});
    await waitFor(cache, () => cache.byIndex('x', '2').length === 2);
    await scene.remove('before');
    await waitFor(cache, () => cache.byIndex('x', '2').length === 1);
    expect(scene.proxy.requests.map(({url}) => new URL(url, 'http://h').searchParams.get('sendInitialEvents'))).toEqual(
      ['true'],
    );
    expect(follower).toMatchObject({mistakes: [], added: 2, deleted: 1, unseenDeletes: 0});
  });

  test('metadata only holds metadata', async () => {
    await scene.write('a', {x: '1'});
    const {cache} = scene.start({metadataOnly: true});
    await cache.synced();
    const object = cache.get(`${scene.namespace}/a`);
    expect(object).toMatchObject({kind: 'ConfigMap', metadata: {labels: {test: 'yes'}}});
    expect(object?.data).toBeUndefined();
  });

  test('watches cut all the time lose nothing, tell nothing twice, and never list', async () => {
    const {cache, follower} = scene.start();
    await cache.synced();
    const cutting = scene.proxy.cutEvery(20);
    const names = Array.from({length: 10}, (_, i) => `c${i}`);
    let created = 0;
    let removed = 0;
    for (let round = 0; round < 20; round++) {
      await Promise.all(names.map((name) => scene.write(name, {round: String(round)})));
      if (round === 0 || round % 5 === 0) created += round === 0 ? 10 : 5;
      if (round % 5 === 4) {
        await Promise.all(names.slice(0, 5).map((name) => scene.remove(name)));
        removed += 5;
      }
    }
    // On a busy machine a connection may not live long enough to say anything.
    cutting.stop();
    await scene.agree(cache);
    expect(cutting.hits).toBeGreaterThan(5);
    expect(follower).toMatchObject({mistakes: [], added: created, deleted: removed, unseenDeletes: 0});
    expect(scene.proxy.count({watch: false})).toBe(0);
    expect(versions([...follower.known.values()])).toEqual(versions(cache.list()));
  });

  test('watches torn in the middle of an event too', async () => {
    const {cache, follower} = scene.start();
    await cache.synced();
    for (let i = 0; i < 10; i++) {
      const fault = scene.proxy.inject({kind: 'tear'}, {match: {watch: true}, times: 1});
      scene.proxy.cut();
      await scene.write('a', {i: String(i)});
      await scene.write(`b${i}`, {text: 'é'.repeat(1000)});
      await scene.agree(cache);
      expect(fault.hits).toBe(1);
    }
    expect(follower.mistakes).toEqual([]);
    expect(follower.added).toBe(11);
  });

  test('a server that refuses for a while is waited for', async () => {
    scene.proxy.inject({kind: 'answer', status: 429, retryAfterSeconds: 0}, {match: {watch: true}, times: 2});
    scene.proxy.inject({kind: 'answer', status: 500}, {match: {watch: true}, times: 1});
    const {cache, follower} = scene.start({random: () => 0});
    await cache.synced();
    await scene.write('a');
    scene.proxy.inject({kind: 'answer', status: 503}, {match: {watch: true}, times: 3});
    scene.proxy.cut();
    await scene.write('a', {x: '2'});
    await scene.agree(cache);
    expect(cache.lastError).toBeUndefined();
    expect(follower).toMatchObject({mistakes: [], added: 1});
    expect(scene.proxy.count({watch: false})).toBe(0);
  });

  test('a server that goes away and comes back is found again', async () => {
    const {cache, follower} = scene.start({random: () => 0.1});
    await cache.synced();
    await scene.write('a');
    await scene.agree(cache);
    await scene.proxy.offline();
    await scene.write('a', {x: '2'});
    await scene.write('b');
    await scene.proxy.online();
    await scene.agree(cache);
    expect(follower).toMatchObject({mistakes: [], added: 2, unseenDeletes: 0});
  });

  test('a cache that may not see anything says so', async () => {
    const controlPlane = await sharedControlPlane();
    const transport = new Transport(controlPlane.userConfig({user: 'nobody'}));
    const cache = new Cache(new Client(transport).kind(kinds.ConfigMap), {namespace: scene.namespace});
    const controller = new AbortController();
    const running = cache.start(controller.signal);
    const waiting = new AbortController();
    const synced = cache.synced(waiting.signal);
    for (let i = 0; i < 500 && cache.lastError === undefined; i++) await scene.direct.list({limit: 1});
    waiting.abort(new Error('enough'));
    await expect(synced).rejects.toThrow('enough');
    expect(cache.lastError).toMatchObject({code: 'API_FORBIDDEN'});
    controller.abort();
    await running;
    await transport.close();
  });
});

describe('on a server of its own', () => {
  let controlPlane: ControlPlane;
  let scene: Scene;

  beforeAll(async () => {
    controlPlane = await startControlPlane({apiServerFlags: ['--feature-gates=WatchList=false']});
    scene = await Scene.on(controlPlane);
  }, 60_000);

  afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    await controlPlane.stop();
  }, 60_000);

  test('without WatchList the state is listed, and a restarted server is asked only for what it has not forgotten', async () => {
    await scene.write('stays');
    await scene.write('goes');
    await scene.write('changes');
    const first = await scene.write('is replaced by another of its name'.replaceAll(' ', '-'));
    const {cache, follower} = scene.start({random: () => 0});
    await cache.synced();
    expect(scene.proxy.count({watch: false})).toBe(1);
    expect(cache.size).toBe(4);

    await scene.proxy.offline();
    await scene.remove('goes');
    await scene.write('changes', {x: '2'});
    const name = first.metadata?.name ?? '';
    await scene.remove(name);
    const second = await scene.write(name);
    await controlPlane.killApiServer();
    await controlPlane.restartApiServer();
    await scene.proxy.online();
    await scene.agree(cache);

    const {resourceVersion} = first.metadata ?? {};
    const next = scene.direct.watch({resourceVersion}).next();
    if (defaultFlavour() === 'kube') {
      await expect(next).rejects.toMatchObject({code: 'API_GONE'});
      expect(scene.proxy.count({watch: false})).toBe(2);
      expect(follower).toMatchObject({mistakes: [], added: 5, deleted: 2, unseenDeletes: 2});
    } else {
      // The embedded server keeps the past with the objects: the watch goes on where it was.
      await expect(next).resolves.toMatchObject({value: {type: 'DELETED'}});
      expect(scene.proxy.count({watch: false})).toBe(1);
      expect(follower).toMatchObject({mistakes: [], added: 5, deleted: 2, unseenDeletes: 0});
    }
    expect(cache.get(`${scene.namespace}/${name}`)?.metadata?.uid).toBe(second.metadata?.uid);
    await scene.write('goes', {again: 'yes'});
    await scene.agree(cache);
  }, 60_000);
});
