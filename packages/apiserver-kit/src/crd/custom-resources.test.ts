import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {systemClock} from '../clock.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {Registry} from '../registry/registry.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {systemContext} from '../registry/system-context.ts';
import {createMemoryStorage} from '../storage/memory-storage.ts';
import type {Storage} from '../storage/storage.ts';
import {CustomResources} from './custom-resources.ts';
import type {Definition, DefinitionNames} from './definition.ts';
import {customResourceDefinitionResource} from './definition-resource.ts';

let storage: Storage;
let registry: Registry;
let definitions: ResourceStore;
let customs: CustomResources;
let errors: unknown[];

async function start(): Promise<void> {
  registry = new Registry(storage, {clock: systemClock, random: Math.random, admission: () => []});
  definitions = (await registry.install(customResourceDefinitionResource()))!;
  customs = await CustomResources.start(registry, {onError: (error) => errors.push(error)});
}

function stop(): void {
  customs.close();
  registry.close();
}

beforeEach(async () => {
  storage = createMemoryStorage();
  errors = [];
  await start();
});
afterEach(async () => {
  stop();
  await storage.close();
  expect(errors).toEqual([]);
});

interface Shape {
  names?: Partial<DefinitionNames>;
  properties?: JsonObject;
  versions?: JsonObject[];
}

function definitionOf(plural: string, {names = {}, properties = {a: {type: 'string'}}, versions}: Shape = {}) {
  const schema = {openAPIV3Schema: {type: 'object', properties: {spec: {type: 'object', properties}}}};
  const kind = plural.charAt(0).toUpperCase() + plural.slice(1, -1);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {name: `${plural}.example.com`},
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: {plural, kind, ...names},
      versions: versions ?? [{name: 'v1', served: true, storage: true, schema}],
    },
  } satisfies JsonObject as unknown as Definition;
}

async function create(definition: Definition): Promise<void> {
  await definitions.create(systemContext(definitions.resource, {verb: 'create'}), definition);
  await customs.settled();
}

async function change(name: string, edit: (definition: Definition) => void): Promise<void> {
  const context = systemContext(definitions.resource, {verb: 'update', name});
  await definitions.update(context, name, (current) => {
    const next = structuredClone(current) as Definition;
    edit(next);
    return next;
  });
}

async function remove(name: string): Promise<void> {
  await definitions.delete(systemContext(definitions.resource, {verb: 'delete', name}), name);
  await customs.settled();
}

function conditions(name: string): Record<string, string> {
  const definition = definitions.cache.get(name)?.object as Definition | undefined;
  return Object.fromEntries(
    (definition?.status?.conditions ?? []).map(({type, status, reason}) => [type, `${status} ${reason}`]),
  );
}

function foos(): ResourceStore {
  return registry.get('example.com', 'foos')!;
}

async function createFoo(name: string, spec: JsonObject, metadata: JsonObject = {}): Promise<KubeObject> {
  const context = systemContext(foos().resource, {verb: 'create', namespace: 'default'});
  const {object} = await foos().create(context, {
    apiVersion: 'example.com/v1',
    kind: 'Foo',
    metadata: {name, ...metadata},
    spec,
  });
  return object;
}

describe('a definition', () => {
  test('is established as soon as its resource is served', async () => {
    await create(definitionOf('foos'));
    expect(conditions('foos.example.com')).toEqual({
      NamesAccepted: 'True NoConflicts',
      Established: 'True InitialNamesAccepted',
    });
    expect(registry.find('example.com', 'v1', 'foos')).toMatchObject({resource: {kind: 'Foo', listKind: 'FooList'}});
    expect((await createFoo('x', {a: 'b', unknown: 1}))['spec']).toEqual({a: 'b'});
  });

  test('does not get the names of another, until that is gone', async () => {
    await create(definitionOf('foos', {names: {shortNames: ['f']}}));
    await create(definitionOf('bars', {names: {shortNames: ['f']}}));
    expect(conditions('bars.example.com')).toEqual({
      NamesAccepted: 'False ShortNamesConflict',
      Established: 'False NotAccepted',
    });
    expect(registry.get('example.com', 'bars')).toBeUndefined();
    await remove('foos.example.com');
    expect(conditions('bars.example.com')).toMatchObject({Established: 'True InitialNamesAccepted'});
    expect(registry.get('example.com', 'bars')).toBeDefined();
  });

  test('a changed schema counts for the next write', async () => {
    await create(definitionOf('foos'));
    await createFoo('x', {a: 'long'});
    await change('foos.example.com', ({spec}) => {
      spec.versions[0]!.schema = {
        openAPIV3Schema: {
          type: 'object',
          properties: {spec: {type: 'object', properties: {a: {type: 'string', maxLength: 2}}}},
        },
      };
    });
    await expect(createFoo('y', {a: 'long'})).rejects.toThrow('spec.a: Too long: may not be more than 2 bytes');
  });

  test('a version that is served no more is not found', async () => {
    const schema = {openAPIV3Schema: {type: 'object'}};
    await create(
      definitionOf('foos', {
        versions: [
          {name: 'v1beta1', served: true, storage: true, schema},
          {name: 'v1', served: true, storage: false, schema},
        ],
      }),
    );
    expect(foos().resource.versions.map(({name}) => name)).toEqual(['v1', 'v1beta1']);
    await change('foos.example.com', ({spec}) => {
      spec.versions[0]!.served = false;
      spec.versions[0]!.storage = false;
      spec.versions[1]!.storage = true;
    });
    await customs.settled();
    expect(registry.find('example.com', 'v1beta1', 'foos')).toBeUndefined();
    const {status} = definitions.cache.get('foos.example.com')!.object as Definition;
    expect(status?.storedVersions).toEqual(['v1beta1', 'v1']);
    await expect(change('foos.example.com', ({spec}) => void spec.versions.shift())).rejects.toThrow(
      'missing from spec.versions; v1beta1 was previously a storage version',
    );
  });

  test('names of a group of Kubernetes need an approval', async () => {
    const definition = definitionOf('foos');
    definition.spec.group = 'x.k8s.io';
    definition.metadata = {name: 'foos.x.k8s.io', annotations: {'api-approved.kubernetes.io': 'unapproved, a test'}};
    await create(definition);
    expect(conditions('foos.x.k8s.io')).toMatchObject({
      KubernetesAPIApprovalPolicyConformant: 'False UnapprovedAnnotation',
    });
  });

  test('its kind and scope stay', async () => {
    await create(definitionOf('foos'));
    const edit = change('foos.example.com', ({spec}) => {
      spec.names.kind = 'Bar';
      spec.scope = 'Cluster';
    });
    await expect(edit).rejects.toThrow('spec.names.kind: Invalid value: "Bar": field is immutable');
  });

  test('is served again after a restart, with its objects', async () => {
    await create(definitionOf('foos'));
    await createFoo('x', {a: 'b'});
    stop();
    await start();
    expect(foos().cache.get('default/x')?.object['spec']).toEqual({a: 'b'});
    expect(conditions('foos.example.com')).toMatchObject({Established: 'True InitialNamesAccepted'});
  });
});

describe('a definition that is deleted', () => {
  test('takes its objects with it', async () => {
    await create(definitionOf('foos'));
    await createFoo('x', {});
    await remove('foos.example.com');
    expect(definitions.cache.get('foos.example.com')).toBeUndefined();
    expect(registry.get('example.com', 'foos')).toBeUndefined();
    await create(definitionOf('foos'));
    expect(foos().cache.list({}).items).toEqual([]);
  });

  test('waits for objects that are held, and takes no new ones', async () => {
    await create(definitionOf('foos'));
    await createFoo('x', {}, {finalizers: ['example.com/held']});
    await remove('foos.example.com');
    expect(conditions('foos.example.com')).toMatchObject({Terminating: 'True InstanceDeletionInProgress'});
    await expect(createFoo('y', {})).rejects.toMatchObject({
      code: 405,
      message: 'create not allowed while custom resource definition is terminating',
    });
    const context = systemContext(foos().resource, {verb: 'update', namespace: 'default', name: 'x'});
    await foos().update(context, 'x', ({metadata, ...rest}) => ({...rest, metadata: {...metadata, finalizers: []}}));
    await customs.settled();
    expect(definitions.cache.get('foos.example.com')).toBeUndefined();
  });

  test('hears of the last one even if it is changed meanwhile, and changed again', async () => {
    await create(definitionOf('foos'));
    await createFoo('x', {}, {finalizers: ['example.com/held']});
    await remove('foos.example.com');
    const edits = ['b', 'c', 'd'].map((category) =>
      change('foos.example.com', ({spec}) => {
        spec.names.categories = [category];
      }),
    );
    await Promise.all(edits);
    await customs.settled();
    const context = systemContext(foos().resource, {verb: 'update', namespace: 'default', name: 'x'});
    await foos().update(context, 'x', ({metadata, ...rest}) => ({...rest, metadata: {...metadata, finalizers: []}}));
    await customs.settled();
    expect(definitions.cache.get('foos.example.com')).toBeUndefined();
  });

  test('still waits after a restart', async () => {
    await create(definitionOf('foos'));
    await createFoo('x', {}, {finalizers: ['example.com/held']});
    await remove('foos.example.com');
    stop();
    await start();
    expect(conditions('foos.example.com')).toMatchObject({Terminating: 'True InstanceDeletionInProgress'});
    expect(foos().cache.get('default/x')?.object.metadata.deletionTimestamp).toBeDefined();
  });

  test('goes at once if it was never established', async () => {
    await create(definitionOf('foos', {names: {shortNames: ['f']}}));
    await create(definitionOf('bars', {names: {shortNames: ['f']}}));
    await remove('bars.example.com');
    expect(definitions.cache.get('bars.example.com')).toBeUndefined();
    expect(conditions('foos.example.com')).toMatchObject({Established: 'True InitialNamesAccepted'});
  });
});
