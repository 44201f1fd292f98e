import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {systemClock} from '../clock.ts';
import type {KubeObject} from '../kube-object.ts';
import {Registry} from '../registry/registry.ts';
import type {Resource} from '../registry/resource.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {systemContext} from '../registry/system-context.ts';
import {decodeBody} from '../rest/decode-body.ts';
import type {RestRequest} from '../rest/rest-request.ts';
import {createMemoryStorage} from '../storage/memory-storage.ts';

const things: Resource = {
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
  versions: [{name: 'v1', served: true, subresources: {}, schema: {type: 'object'}}],
};

let registry: Registry;
let store: ResourceStore;

beforeAll(async () => {
  registry = new Registry(createMemoryStorage(), {clock: systemClock, random: Math.random, admission: () => []});
  store = (await registry.install(things))!;
});
afterAll(() => registry.close());

/** How often others had their turn before some work was done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let isOver = false;
  const count = (): void => {
    turns += 1;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  await work();
  isOver = true;
  return turns;
}

function thing(name: string, annotations: number): KubeObject {
  const members = Array.from({length: annotations}, (_, index) => [`example.com/key-${index}`, 'x']);
  return {apiVersion: 'example.com/v1', kind: 'Thing', metadata: {name, annotations: Object.fromEntries(members)}};
}

const few = 10;
const many = 6_000;

test('the work on a large body is done in steps, between which others have their turn', async () => {
  const decode = async (count: number): Promise<number> => {
    const body = Buffer.from(JSON.stringify(thing('one', count)));
    const request = {
      found: {resource: things},
      context: {fieldValidation: 'Strict', warn: () => {}},
      contentType: undefined,
      body: async () => body,
    } as unknown as RestRequest;
    const kind = {...things, version: 'v1'};
    return await turnsDuring(() => decodeBody(request, kind, (value) => value as KubeObject));
  };
  expect(await decode(few)).toBe(0);
  expect(await decode(many)).toBe(2);
});

test('so is the work on a large object', async () => {
  const create = systemContext(things, {verb: 'create'});
  const small = await turnsDuring(() => store.create(create, thing('small', few)));
  const large = await turnsDuring(() => store.create(create, thing('large', many)));
  expect(large - small).toBeGreaterThanOrEqual(2);
  const context = systemContext(things, {verb: 'update', name: 'large'});
  const change = (current: KubeObject): KubeObject => ({...current, more: true});
  expect(await turnsDuring(() => store.update(context, 'large', change))).toBeGreaterThanOrEqual(small + 2);
});
