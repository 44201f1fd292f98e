import {afterEach, describe, expect, test} from '@jest/globals';
import {systemClock} from '../clock.ts';
import type {KubeObject} from '../kube-object.ts';
import type {Schema} from '../schema/schema.ts';
import {createMemoryStorage} from '../storage/memory-storage.ts';
import {Registry} from './registry.ts';
import type {Resource} from './resource.ts';
import type {ResourceStore} from './resource-store.ts';
import {systemContext} from './system-context.ts';

const registries: Registry[] = [];
afterEach(() => {
  for (const registry of registries.splice(0)) registry.close();
});

function resource(schema: Schema): Resource {
  return {
    group: 'example.com',
    plural: 'things',
    singular: 'thing',
    kind: 'Thing',
    listKind: 'ThingList',
    shortNames: [],
    categories: [],
    namespaced: false,
    storageVersion: 'v1',
    strategy: {allowUnconditionalUpdate: true},
    custom: true,
    versions: [{name: 'v1', served: true, subresources: {}, schema}],
  };
}

const withDefault = (size: number): Resource =>
  resource({type: 'object', properties: {size: {type: 'integer', default: size}, count: {type: 'integer'}}});

async function open(): Promise<{registry: Registry; store: ResourceStore}> {
  const registry = new Registry(createMemoryStorage(), {clock: systemClock, random: Math.random, admission: () => []});
  registries.push(registry);
  return {registry, store: (await registry.install(withDefault(1)))!};
}

const thing = (name: string): KubeObject => ({apiVersion: 'example.com/v1', kind: 'Thing', metadata: {name}});
const context = (verb: string) => systemContext(withDefault(1), {verb});

describe('Registry', () => {
  test('finds versions that are served', async () => {
    const {registry, store} = await open();
    expect(registry.find('example.com', 'v1', 'things')).toMatchObject({store, version: {name: 'v1'}});
    expect(registry.find('example.com', 'v2', 'things')).toBeUndefined();
    expect(registry.find('', 'v1', 'things')).toBeUndefined();
    expect(registry.get('example.com', 'things')).toBe(store);
  });

  test('tells of changes, and counts them', async () => {
    const {registry} = await open();
    const {revision} = registry;
    let told = 0;
    const end = registry.onChange(() => told++);
    await registry.remove('example.com', 'things');
    expect(told).toBe(1);
    expect(registry.revision).toBe(revision + 1);
    expect([...registry.resources()]).toEqual([]);
    end();
    await registry.install(withDefault(1));
    expect(told).toBe(1);
  });

  test('what is removed is gone, and its revisions do not come again', async () => {
    const {registry, store} = await open();
    await store.create(context('create'), thing('a'));
    const {revision} = store.cache;
    await registry.remove('example.com', 'things');
    const again = (await registry.install(withDefault(1)))!;
    expect(again.cache.list().items).toEqual([]);
    expect(again.cache.revision).toBeGreaterThanOrEqual(revision);
  });

  test('another definition holds at once, for what is stored too, and ends watches', async () => {
    const {registry, store} = await open();
    await store.create(context('create'), thing('before'));
    const watch = store.cache.watch({bookmarks: false, signal: new AbortController().signal});
    const replaced = registry.replace(
      resource({type: 'object', properties: {color: {type: 'string', default: 'red'}}}),
    );
    expect((await store.create(context('create'), thing('after'))).object).toMatchObject({color: 'red'});
    await replaced;
    expect(store.get(context('get'), 'before').object).toMatchObject({color: 'red', size: 1});
    expect(watch.closed.aborted).toBe(true);
  });

  test('writes go on while the definition changes', async () => {
    const {registry, store} = await open();
    await store.create(context('create'), thing('busy'));
    let changing = true;
    const changes = (async () => {
      for (let size = 2; size < 30; size++) await registry.replace(withDefault(size));
      changing = false;
    })();
    let writes = 0;
    while (changing) {
      await store.update(context('update'), 'busy', (current) => ({
        ...current,
        count: Number(current['count'] ?? 0) + 1,
      }));
      writes++;
    }
    await changes;
    expect(store.get(context('get'), 'busy').object).toMatchObject({count: writes});
  });
});
