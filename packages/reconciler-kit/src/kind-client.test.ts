import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {Client} from './client.ts';
import {HttpStub, sendJson, sendStatus} from './http-stub.fixture.ts';
import {kinds} from './kind.ts';
import {type Thing, thing, thingKind} from './scripted-client.fixture.ts';
import {Transport} from './transport.ts';

let stub: HttpStub;
let transport: Transport;
let client: Client;

beforeEach(async () => {
  stub = await HttpStub.start((_, response) => sendJson(response, 200, {metadata: {name: 'x'}}));
  transport = new Transport({server: stub.url, namespace: 'default'});
  client = new Client(transport);
});

afterEach(async () => {
  await transport.close();
  await stub.stop();
});

/** What was asked last. */
function asked(): {line: string; type: string | undefined; accept: string | undefined; body: unknown} {
  const request = stub.requests.at(-1);
  if (request === undefined) throw new Error('nothing was asked');
  return {
    line: `${request.method} ${request.url}`,
    type: request.headers['content-type'],
    accept: request.headers.accept,
    body: request.body === '' ? undefined : JSON.parse(request.body),
  };
}

const a = {name: 'a', namespace: 'ns'};
const things = '/apis/example.com/v1/namespaces/ns/things';

describe('paths', () => {
  test('of core and grouped, namespaced and cluster-scoped kinds', async () => {
    await client.kind(kinds.Pod).get('a', {namespace: 'ns'});
    expect(asked().line).toBe('GET /api/v1/namespaces/ns/pods/a');
    await client.kind(kinds.Node).get('a', {namespace: 'no use'});
    expect(asked().line).toBe('GET /api/v1/nodes/a');
    await client.kind(thingKind).get('a', {namespace: 'ns', resourceVersion: '0'});
    expect(asked().line).toBe(`GET ${things}/a?resourceVersion=0`);
    await client.kind(kinds.ClusterRole).get('system:node');
    expect(asked().line).toBe('GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode');
    await client.kind(thingKind).list();
    expect(asked().line).toBe('GET /apis/example.com/v1/things');
  });

  test.each(['', '.', '..', 'a/b', '%2e'])('the name %j leads nowhere', async (name) => {
    await expect(client.kind(kinds.Node).get(name)).rejects.toMatchObject({code: 'INVALID_ARGUMENT'});
    await expect(client.kind(kinds.Pod).get('a', {namespace: name})).rejects.toMatchObject({code: 'INVALID_ARGUMENT'});
    expect(stub.requests).toEqual([]);
  });

  test('a namespaced kind needs its namespace for everything but list and watch', async () => {
    const pods = client.kind(kinds.Pod);
    await expect(pods.get('a')).rejects.toThrow('Pod is namespaced: give a namespace');
    expect(() => pods.delete({name: 'a'})).toThrow('give a namespace');
    expect(() => pods.create({metadata: {name: 'a'}})).toThrow('give a namespace');
    expect(() => pods.deleteCollection()).toThrow('give a namespace');
  });
});

describe('reading', () => {
  test('list gives items their apiVersion and kind, also where the server sends none', async () => {
    stub.handler = (_, response) => sendJson(response, 200, {metadata: {resourceVersion: '5'}, items: [thing('a', 1)]});
    const list = await client.kind(thingKind).list({
      namespace: 'ns',
      labelSelector: 'a in (b,c)',
      fieldSelector: 'status.phase!=Done',
      limit: 5,
      resourceVersion: '3',
      resourceVersionMatch: 'NotOlderThan',
    });
    expect(asked().line).toBe(
      `GET ${things}?labelSelector=a%20in%20(b%2Cc)&fieldSelector=status.phase!%3DDone&limit=5&resourceVersion=3&resourceVersionMatch=NotOlderThan`,
    );
    expect(list.items[0]).toMatchObject({apiVersion: 'example.com/v1', kind: 'Thing', metadata: {name: 'a'}});
    stub.handler = (_, response) => sendJson(response, 200, {metadata: {}, items: null});
    expect((await client.kind(thingKind).list()).items).toEqual([]);
  });

  test('metadata only is asked for by Accept and keeps the name of the kind', async () => {
    const partial = {apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata: {name: 'a'}};
    stub.handler = (_, response) => sendJson(response, 200, {...partial, items: [partial]});
    const list = await client.kind(kinds.Pod).list({metadataOnly: true});
    expect(asked().accept).toBe('application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1');
    expect(list.items[0]).toEqual({apiVersion: 'v1', kind: 'Pod', metadata: {name: 'a'}});
    const one = await client.kind(kinds.Pod).get('a', {namespace: 'ns', metadataOnly: true});
    expect(asked().accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
    expect(one).toMatchObject({apiVersion: 'v1', kind: 'Pod'});
  });

  test('listAll takes one page after the other', async () => {
    const pages: Record<string, [string, string]> = {'': ['a', 't1'], t1: ['b', 't2'], t2: ['c', '']};
    stub.handler = (request, response) => {
      const token = new URL(request.url, stub.url).searchParams.get('continue') ?? '';
      const [name, next] = pages[token] ?? ['?', ''];
      sendJson(response, 200, {metadata: {continue: next}, items: [thing(name, 1)]});
    };
    const names: (string | undefined)[] = [];
    for await (const object of client.kind(thingKind).listAll({resourceVersion: '3', resourceVersionMatch: 'Exact'})) {
      names.push(object.metadata?.name);
    }
    expect(names).toEqual(['a', 'b', 'c']);
    expect(stub.requests.map(({url}) => url.replace(/^.*\?/, ''))).toEqual([
      'limit=500&resourceVersion=3&resourceVersionMatch=Exact',
      'limit=500&continue=t1',
      'limit=500&continue=t2',
    ]);
  });

  test('watch yields events, and throws what an ERROR event says', async () => {
    stub.handler = (_, response) => {
      const lines = [
        {type: 'ADDED', object: thing('a', 1)},
        {type: 'BOOKMARK', object: {metadata: {resourceVersion: '9'}}},
        {type: 'ERROR', object: {kind: 'Status', code: 410, reason: 'Expired', message: 'too old'}},
      ];
      response.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    };
    const seen: string[] = [];
    const watching = (async () => {
      const options = {namespace: 'ns', resourceVersion: '1', allowWatchBookmarks: true, timeoutSeconds: 10};
      for await (const {type, object} of client.kind(thingKind).watch(options)) {
        seen.push(`${type} ${object.kind} ${object.metadata?.resourceVersion}`);
      }
    })();
    await expect(watching).rejects.toMatchObject({code: 'API_GONE', message: `GET ${things}: too old`});
    expect(seen).toEqual(['ADDED Thing 1', 'BOOKMARK Thing 9']);
    expect(asked().line).toBe(`GET ${things}?watch=true&resourceVersion=1&allowWatchBookmarks=true&timeoutSeconds=10`);
  });

  test.each([
    ['no JSON', '{"type":"ADDED"\n'],
    ['no event', '{"type":"ADDED"}\n'],
    ['null', 'null\n'],
  ])('a watch line that is %s is an error, not passed over', async (_, line) => {
    stub.handler = (_request, response) => {
      response.write(`${JSON.stringify({type: 'ADDED', object: thing('a', 1)})}\n${line}`);
    };
    const watch = client.kind(thingKind).watch();
    expect((await watch.next()).value).toMatchObject({type: 'ADDED'});
    await expect(watch.next()).rejects.toMatchObject({code: 'RESPONSE_INVALID'});
  });

  test('a watch that ends in the middle of a line gives only whole events', async () => {
    stub.handler = (_, response) => {
      response.end(`${JSON.stringify({type: 'ADDED', object: thing('a', 1)})}\n{"type":"MODIF`);
    };
    const events: unknown[] = [];
    for await (const event of client.kind(thingKind).watch()) events.push(event);
    expect(events).toHaveLength(1);
  });
});

describe('writing', () => {
  const manager = {fieldManager: 'me', dryRun: true, fieldValidation: 'Strict'} as const;
  const query = 'fieldManager=me&dryRun=All&fieldValidation=Strict';
  const typed = {apiVersion: 'example.com/v1', kind: 'Thing'};

  test('create, update and updateStatus fill in apiVersion and kind and leave the object alone', async () => {
    const object = Object.freeze(thing('a', 1));
    await client.kind(thingKind).create(object, manager);
    expect(asked()).toMatchObject({
      line: `POST ${things}?${query}`,
      type: 'application/json',
      body: {...object, ...typed},
    });
    await client.kind(thingKind).update(object, manager);
    expect(asked()).toMatchObject({line: `PUT ${things}/a?${query}`, body: {...object, ...typed}});
    await client.kind(thingKind).updateStatus(object);
    expect(asked().line).toBe(`PUT ${things}/a/status`);
  });

  test('create may leave the name to the server', async () => {
    await client.kind(kinds.Namespace).create({metadata: {generateName: 'n-'}});
    expect(asked()).toMatchObject({line: 'POST /api/v1/namespaces', body: {metadata: {generateName: 'n-'}}});
  });

  test.each([
    ['merge', 'application/merge-patch+json', {spec: {value: null}}],
    ['json', 'application/json-patch+json', [{op: 'remove', path: '/spec'}]],
    ['strategic', 'application/strategic-merge-patch+json', {spec: {value: 1}}],
  ] as const)('%s patch', async (type, contentType, body) => {
    await client.kind(thingKind).patch(a, {type, body}, manager);
    expect(asked()).toMatchObject({line: `PATCH ${things}/a?${query}`, type: contentType, body});
    await client.kind(thingKind).patchStatus(a, {type, body});
    expect(asked()).toMatchObject({line: `PATCH ${things}/a/status`, type: contentType, body});
  });

  test('apply sends only what the caller owns', async () => {
    const object: Thing = {...thing('a', 1), metadata: {...a, managedFields: []}};
    await client.kind(thingKind).apply(object, {fieldManager: 'me', force: true});
    expect(asked()).toEqual({
      line: `PATCH ${things}/a?fieldManager=me&force=true`,
      type: 'application/apply-patch+yaml',
      accept: 'application/json',
      body: {...typed, metadata: a, spec: {value: 1}},
    });
    await client.kind(thingKind).applyStatus(object, {fieldManager: 'me'});
    expect(asked().line).toBe(`PATCH ${things}/a/status?fieldManager=me`);
  });

  test('delete and deleteCollection say how in the body', async () => {
    const options = {propagationPolicy: 'Foreground', gracePeriodSeconds: 0, dryRun: true} as const;
    const body = {apiVersion: 'v1', kind: 'DeleteOptions', ...options, dryRun: ['All']};
    await client.kind(thingKind).delete(a, {...options, preconditions: {uid: 'u', resourceVersion: '3'}});
    expect(asked()).toMatchObject({
      line: `DELETE ${things}/a`,
      body: {...body, preconditions: {uid: 'u', resourceVersion: '3'}},
    });
    await client
      .kind(thingKind)
      .deleteCollection({namespace: 'ns', labelSelector: 'a=b', fieldSelector: 'c=d', ...options});
    expect(asked()).toMatchObject({line: `DELETE ${things}?labelSelector=a%3Db&fieldSelector=c%3Dd`, body});
  });

  test('scale', async () => {
    await client.kind(kinds.Deployment).getScale(a);
    expect(asked().line).toBe('GET /apis/apps/v1/namespaces/ns/deployments/a/scale');
    await client.kind(kinds.Deployment).patchScale(a, 3, {fieldManager: 'me'});
    expect(asked()).toMatchObject({
      line: 'PATCH /apis/apps/v1/namespaces/ns/deployments/a/scale?fieldManager=me',
      type: 'application/merge-patch+json',
      body: {spec: {replicas: 3}},
    });
  });

  test('other subresources', async () => {
    await client.kind(kinds.Pod).createSubresource<Pod>(a, 'eviction', {kind: 'Eviction'}, {dryRun: true});
    expect(asked()).toMatchObject({
      line: 'POST /api/v1/namespaces/ns/pods/a/eviction?dryRun=All',
      body: {kind: 'Eviction'},
    });
    await client.createToken(a, {audiences: ['x'], expirationSeconds: 600});
    expect(asked()).toMatchObject({
      line: 'POST /api/v1/namespaces/ns/serviceaccounts/a/token',
      body: {kind: 'TokenRequest', spec: {audiences: ['x'], expirationSeconds: 600}},
    });
  });

  test('an abort reaches the request', async () => {
    const controller = new AbortController();
    stub.handler = () => controller.abort(new Error('stop'));
    await expect(client.kind(kinds.Node).get('a', {signal: controller.signal})).rejects.toThrow('stop');
  });
});

describe('logs of a Pod', () => {
  test('are bytes, and leaving them closes the connection', async () => {
    const closed = new Promise<void>((resolve) => {
      stub.handler = (_, response) => {
        response.write('line 1\n');
        response.once('close', resolve);
      };
    });
    for await (const chunk of client.podLogs(a, {container: 'c', follow: true, tailLines: 3, sinceTime: 't'})) {
      expect(Buffer.from(chunk).toString()).toBe('line 1\n');
      break;
    }
    await closed;
    expect(asked().line).toBe('GET /api/v1/namespaces/ns/pods/a/log?container=c&follow=true&tailLines=3&sinceTime=t');
  });

  test('that cannot be had are an ApiError', async () => {
    stub.handler = (_, response) => sendStatus(response, 400, 'BadRequest');
    await expect(client.podLogs(a)[Symbol.asyncIterator]().next()).rejects.toMatchObject({code: 'API_BAD_REQUEST'});
  });
});
