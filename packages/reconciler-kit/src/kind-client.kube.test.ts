import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {CertificateAuthority} from '@kruntimes/apiserver-kit/certificate-authority';
import type {Deployment} from 'kubernetes-types/apps/v1.d.ts';
import type {ConfigMap} from 'kubernetes-types/core/v1.d.ts';
import {Client, type KindClient} from './client.ts';
import {defineKind, kinds} from './kind.ts';
import type {ControlPlaneAccess} from './testing/control-plane-access.ts';
import {sharedControlPlane} from './testing/shared-control-plane.ts';
import {Transport} from './transport.ts';

let controlPlane: ControlPlaneAccess;
let transport: Transport;
let client: Client;
let configMaps: KindClient<ConfigMap>;
let deployments: KindClient<Deployment>;

beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  transport = new Transport(controlPlane.config);
  client = new Client(transport);
  configMaps = client.kind(kinds.ConfigMap);
  deployments = client.kind(kinds.Deployment);
});

afterAll(async () => {
  await transport.close();
});

function configMap(namespace: string, name: string, data: Record<string, string> = {}): ConfigMap {
  return {metadata: {name, namespace, labels: {test: 'yes'}}, data};
}

function deployment(namespace: string): Deployment {
  return {
    metadata: {name: 'd', namespace},
    spec: {
      replicas: 1,
      selector: {matchLabels: {app: 'd'}},
      template: {metadata: {labels: {app: 'd'}}, spec: {containers: [{name: 'c', image: 'i'}]}},
    },
  };
}

describe('objects', () => {
  test('are created, read, replaced and deleted', async () => {
    const namespace = await controlPlane.createNamespace();
    const created = await configMaps.create(configMap(namespace, 'a', {x: 'ü'}), {fieldManager: 'tester'});
    expect(created).toMatchObject({apiVersion: 'v1', kind: 'ConfigMap', data: {x: 'ü'}});
    expect(created.metadata?.managedFields?.[0]?.manager).toBe('tester');
    expect(await configMaps.get('a', {namespace})).toEqual(created);

    const updated = await configMaps.update({...created, data: {x: '2'}});
    expect(updated.data).toEqual({x: '2'});
    await expect(configMaps.update({...created, data: {x: '3'}})).rejects.toMatchObject({code: 'API_CONFLICT'});
    await expect(configMaps.create(configMap(namespace, 'a'))).rejects.toMatchObject({code: 'API_ALREADY_EXISTS'});

    const ref = {name: 'a', namespace};
    await expect(configMaps.delete(ref, {preconditions: {uid: 'another'}})).rejects.toMatchObject({
      code: 'API_CONFLICT',
    });
    expect(await configMaps.delete(ref, {preconditions: {uid: created.metadata?.uid}})).toMatchObject({
      kind: 'Status',
      status: 'Success',
    });
    await expect(configMaps.get('a', {namespace})).rejects.toMatchObject({code: 'API_NOT_FOUND', reason: 'NotFound'});
    await expect(configMaps.delete(ref)).rejects.toMatchObject({code: 'API_NOT_FOUND'});
  });

  test('with finalizers stay, and delete gives them back', async () => {
    const namespace = await controlPlane.createNamespace();
    const ref = {name: 'a', namespace};
    await configMaps.create({metadata: {...ref, finalizers: ['example.com/stay']}});
    expect(await configMaps.delete(ref, {propagationPolicy: 'Foreground'})).toMatchObject({
      kind: 'ConfigMap',
      metadata: {deletionTimestamp: expect.any(String)},
    });
    await configMaps.patch(ref, {type: 'merge', body: {metadata: {finalizers: null}}});
    await expect(configMaps.get('a', {namespace})).rejects.toMatchObject({code: 'API_NOT_FOUND'});
  });

  test('take merge, json and strategic patches', async () => {
    const namespace = await controlPlane.createNamespace();
    const ref = {name: 'd', namespace};
    await deployments.create(deployment(namespace));
    const merged = await deployments.patch(ref, {type: 'merge', body: {metadata: {labels: {a: 'b'}}}});
    expect(merged.metadata?.labels).toEqual({a: 'b'});
    const json = await deployments.patch(ref, {type: 'json', body: [{op: 'remove', path: '/metadata/labels/a'}]});
    expect(json.metadata?.labels).toBeUndefined();
    const strategic = await deployments.patch(ref, {
      type: 'strategic',
      body: {spec: {template: {spec: {containers: [{name: 'second', image: 'j'}]}}}},
    });
    expect(strategic.spec?.template.spec?.containers.map(({name}) => name)).toEqual(['second', 'c']);
  });

  test('are applied: fields have owners, a conflict is an answer, force takes over', async () => {
    const namespace = await controlPlane.createNamespace();
    const applied = await configMaps.apply(configMap(namespace, 'a', {x: '1', y: '1'}), {fieldManager: 'one'});
    expect(applied.data).toEqual({x: '1', y: '1'});
    // What was read can be applied again, managedFields and all.
    const {resourceVersion: _, ...metadata} = applied.metadata ?? {};
    await configMaps.apply({...applied, metadata}, {fieldManager: 'one'});
    await expect(configMaps.apply(configMap(namespace, 'a', {x: '2'}), {fieldManager: 'two'})).rejects.toMatchObject({
      code: 'API_CONFLICT',
      details: {causes: [{field: '.data.x'}]},
    });
    await configMaps.apply(configMap(namespace, 'a', {x: '2'}), {fieldManager: 'two', force: true});
    const left = await configMaps.apply(configMap(namespace, 'a', {}), {fieldManager: 'one'});
    expect(left.data).toEqual({x: '2'});
  });

  test('have their status and scale apart', async () => {
    const namespace = await controlPlane.createNamespace();
    const ref = {name: 'd', namespace};
    const created = await deployments.create({...deployment(namespace), status: {replicas: 7}});
    expect(created.status?.replicas).toBeUndefined();
    const status = await deployments.updateStatus({
      ...created,
      spec: {...created.spec, replicas: 9} as Deployment['spec'] & object,
      status: {replicas: 2},
    });
    expect(status).toMatchObject({spec: {replicas: 1}, status: {replicas: 2}});
    expect(await deployments.patchStatus(ref, {type: 'merge', body: {status: {replicas: 3}}})).toMatchObject({
      status: {replicas: 3},
    });
    const condition = {type: 'Available', status: 'True', reason: 'R', message: 'm'};
    expect(
      await deployments.applyStatus(
        {metadata: {name: 'd', namespace}, status: {conditions: [condition]}},
        {fieldManager: 'tester'},
      ),
    ).toMatchObject({status: {replicas: 3, conditions: [condition]}});

    expect(await deployments.getScale(ref)).toMatchObject({kind: 'Scale', spec: {replicas: 1}});
    await deployments.patchScale(ref, 5);
    expect((await deployments.get('d', {namespace})).spec?.replicas).toBe(5);
  });

  test('are not stored by a dry run, and unknown fields are refused when asked', async () => {
    const namespace = await controlPlane.createNamespace();
    const dry = await configMaps.create(configMap(namespace, 'dry'), {dryRun: true});
    expect(dry.metadata?.uid).toBeDefined();
    await expect(configMaps.get('dry', {namespace})).rejects.toMatchObject({code: 'API_NOT_FOUND'});
    const wrong = {...configMap(namespace, 'wrong'), dada: {}};
    await expect(configMaps.create(wrong, {fieldValidation: 'Strict'})).rejects.toMatchObject({
      code: 'API_BAD_REQUEST',
      message: expect.stringContaining('unknown field "dada"'),
    });
    await expect(configMaps.create(configMap(namespace, 'Not_A_Name'))).rejects.toMatchObject({code: 'API_INVALID'});
  });
});

describe('lists', () => {
  test('are selected, paged, and of metadata only', async () => {
    const namespace = await controlPlane.createNamespace();
    const names = Array.from({length: 7}, (_, i) => `c${i}`);
    await Promise.all(names.map((name) => configMaps.create(configMap(namespace, name, {x: name}))));

    const all = await configMaps.list({namespace, labelSelector: 'test=yes'});
    expect(all.items.map(({metadata}) => metadata?.name)).toEqual(names);
    expect(all.items[0]).toMatchObject({apiVersion: 'v1', kind: 'ConfigMap'});
    const one = await configMaps.list({namespace, fieldSelector: 'metadata.name=c3'});
    expect(one.items).toHaveLength(1);

    const first = await configMaps.list({namespace, labelSelector: 'test', limit: 3});
    expect(first.items).toHaveLength(3);
    expect(first.metadata.continue).toBeTruthy();
    const paged: (string | undefined)[] = [];
    for await (const {metadata} of configMaps.listAll({namespace, labelSelector: 'test', limit: 3})) {
      paged.push(metadata?.name);
    }
    expect(paged).toEqual(names);

    const partial = await configMaps.list({namespace, labelSelector: 'test', metadataOnly: true});
    expect(partial.items.map((item) => [item.kind, item.metadata?.name, item.data])).toEqual(
      names.map((name) => ['ConfigMap', name, undefined]),
    );
    const partialOne = await configMaps.get('c0', {namespace, metadataOnly: true});
    expect(partialOne).toMatchObject({kind: 'ConfigMap', metadata: {name: 'c0'}});
    expect(partialOne.data).toBeUndefined();

    await configMaps.deleteCollection({namespace, labelSelector: 'test', fieldSelector: 'metadata.name!=c6'});
    expect(
      (await configMaps.list({namespace, labelSelector: 'test'})).items.map(({metadata}) => metadata?.name),
    ).toEqual(['c6']);
  });

  test('of a continue token that nobody gave out are refused', async () => {
    await expect(configMaps.list({limit: 1, continue: 'nonsense'})).rejects.toMatchObject({code: 'API_BAD_REQUEST'});
  });
});

describe('watches', () => {
  test('tell of changes from a resourceVersion on, until the server ends them', async () => {
    const namespace = await controlPlane.createNamespace();
    const {metadata} = await configMaps.list({namespace});
    const seen: string[] = [];
    const watching = (async () => {
      const options = {
        namespace,
        resourceVersion: metadata.resourceVersion,
        allowWatchBookmarks: true,
        timeoutSeconds: 2,
      };
      for await (const {type, object} of configMaps.watch(options)) seen.push(`${type} ${object.metadata?.name ?? ''}`);
    })();
    await configMaps.create(configMap(namespace, 'a'));
    await configMaps.patch({name: 'a', namespace}, {type: 'merge', body: {data: {x: '1'}}});
    await configMaps.delete({name: 'a', namespace});
    await watching;
    expect(seen.filter((event) => !event.startsWith('BOOKMARK'))).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('of metadata only leave the rest out', async () => {
    const namespace = await controlPlane.createNamespace();
    await configMaps.create(configMap(namespace, 'a', {x: '1'}));
    const watch = configMaps.watch({namespace, labelSelector: 'test', metadataOnly: true});
    const {value} = await watch.next();
    expect(value).toMatchObject({type: 'ADDED', object: {kind: 'ConfigMap', metadata: {name: 'a'}}});
    expect(value?.object.data).toBeUndefined();
    await watch.return();
  });

  test('of kinds that do not exist too', async () => {
    const nothing = defineKind({group: 'example.com', version: 'v1', kind: 'No', plural: 'nos', namespaced: false});
    await expect(client.kind(nothing).watch().next()).rejects.toMatchObject({code: 'API_NOT_FOUND'});
    await expect(client.kind(nothing).list()).rejects.toMatchObject({code: 'API_NOT_FOUND'});
  });
});

describe('who asks', () => {
  test('a token of a service account says who, a bad one is renewed after the 401', async () => {
    const namespace = await controlPlane.createNamespace();
    await client.kind(kinds.ServiceAccount).create({metadata: {name: 'robot', namespace}});
    const token = await client.createToken({name: 'robot', namespace}, {expirationSeconds: 600});
    const asked: boolean[] = [];
    const {server, ca} = controlPlane.config;
    const robot = new Transport({
      server,
      namespace,
      ...(ca === undefined ? {} : {ca}),
      authorization: async ({refresh}) => {
        asked.push(refresh);
        return `Bearer ${asked.includes(true) ? token.status?.token : 'stale'}`;
      },
    });
    const review = {apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview'};
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    await expect(robot.request({method: 'POST', path, body: review})).resolves.toMatchObject({
      status: {userInfo: {username: `system:serviceaccount:${namespace}:robot`}},
    });
    expect(asked).toEqual([false, true]);
    await expect(new Client(robot).kind(kinds.Node).list()).rejects.toMatchObject({code: 'API_FORBIDDEN'});
    await robot.close();
  });

  test('impersonation headers are sent', async () => {
    const jane = new Transport({
      ...controlPlane.config,
      headers: {'Impersonate-User': 'jane', 'Impersonate-Group': ['a', 'b']},
    });
    const review = {apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview'};
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    await expect(jane.request({method: 'POST', path, body: review})).resolves.toMatchObject({
      status: {userInfo: {username: 'jane', groups: expect.arrayContaining(['a', 'b'])}},
    });
    await jane.close();
  });

  test('a server whose certificate nobody vouches for is not talked to', async () => {
    const {config} = controlPlane;
    const stranger = new Transport({...config, ca: CertificateAuthority.create('stranger').certificate});
    await expect(stranger.request({method: 'GET', path: '/version'})).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: false,
      message: expect.stringContaining('not signed by a known authority'),
    });
    await stranger.close();
    const misnamed = new Transport({...config, tlsServerName: 'another.example.com'});
    await expect(misnamed.request({method: 'GET', path: '/version'})).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      message: expect.stringContaining('certificate is for another name'),
    });
    await misnamed.close();
  });
});
