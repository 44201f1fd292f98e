import {once} from 'node:events';
import {Agent, type IncomingHttpHeaders, request} from 'node:http';
import {connect} from 'node:net';
import {text} from 'node:stream/consumers';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {MASTERS} from './auth/user-info.ts';
import {isJsonObject, type JsonObject, type JsonValue} from './json/json-value.ts';
import type {Resource} from './registry/resource.ts';
import {type ApiServer, createApiServer} from './server.ts';
import {createMemoryStorage} from './storage/memory-storage.ts';

const GROUP = 'example.com';
const things: Resource = {
  group: GROUP,
  plural: 'things',
  singular: 'thing',
  kind: 'Thing',
  listKind: 'ThingList',
  shortNames: [],
  categories: [],
  namespaced: true,
  storageVersion: 'v1',
  strategy: {},
  custom: true,
  versions: ['v1', 'v2'].map((name) => ({
    name,
    served: true,
    subresources: {
      status: true,
      scale: {specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas'},
    },
    selectableFields: ['spec.color'],
    schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: {
            replicas: {type: 'integer', minimum: 0},
            color: {type: 'string', default: 'red'},
            list: {type: 'array', items: {type: 'string'}},
          },
        },
        status: {
          type: 'object',
          default: {phase: 'New'},
          properties: {phase: {type: 'string'}, replicas: {type: 'integer'}},
        },
      },
    },
  })),
};

interface Answer {
  code: number;
  headers: IncomingHttpHeaders;
  body: JsonObject;
}

let server: ApiServer;
let url: string;
const agent = new Agent({keepAlive: true});
const all = `/apis/${GROUP}/v1/namespaces/ns/things`;
const MERGE = 'application/merge-patch+json';

beforeAll(async () => {
  server = await createApiServer({
    storage: createMemoryStorage(),
    configure: () => ({
      resources: [things],
      authenticator: async () => ({username: 'admin', groups: [MASTERS]}),
      authorizer: async () => ({allowed: true, reason: ''}),
      admission: [],
    }),
  });
  ({url} = await server.listen({port: 0}));
});
afterAll(async () => {
  agent.destroy();
  await server.close();
});

async function send(
  method: string,
  path: string,
  body?: JsonValue | string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const {promise, resolve, reject} = Promise.withResolvers<Answer>();
  const payload = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  const sent = request(
    new URL(path, url),
    {method, agent, headers: {...(payload !== undefined && {'content-type': 'application/json'}), ...headers}},
    (response) => {
      text(response).then((answer) => {
        const type = response.headers['content-type'] ?? '';
        const parsed = type === 'application/json' && answer !== '' ? JSON.parse(answer) : {text: answer};
        resolve({code: response.statusCode ?? 0, headers: response.headers, body: parsed});
      }, reject);
    },
  );
  sent.once('error', reject);
  sent.end(payload);
  return await promise;
}

const thing = (name: string, more: JsonObject = {}): JsonObject => ({
  apiVersion: `${GROUP}/v1`,
  kind: 'Thing',
  metadata: {name},
  spec: {replicas: 1},
  ...more,
});

function at(value: JsonValue | undefined, ...path: string[]): JsonValue | undefined {
  return path.reduce<JsonValue | undefined>((inner, key) => (isJsonObject(inner) ? inner[key] : undefined), value);
}

/** The lines of a watch as they come. */
async function* watch(query: string): AsyncGenerator<JsonObject> {
  const sent = request(new URL(`${all}?watch=true&${query}`, url), {agent: false});
  sent.end();
  const [response] = (await once(sent, 'response')) as [AsyncIterable<Buffer>];
  let rest = '';
  for await (const chunk of response) {
    const lines = (rest + String(chunk)).split('\n');
    rest = lines.pop()!;
    for (const line of lines) yield JSON.parse(line) as JsonObject;
  }
}

describe('objects', () => {
  test('are made, read, changed and deleted', async () => {
    const made = await send('POST', all, thing('one', {status: {phase: 'Mine'}}));
    expect(made.code).toBe(201);
    expect(made.body).toMatchObject({
      apiVersion: `${GROUP}/v1`,
      kind: 'Thing',
      metadata: {name: 'one', namespace: 'ns', generation: 1, uid: expect.any(String), resourceVersion: '2'},
      spec: {color: 'red', replicas: 1},
      status: {phase: 'New'},
    });
    expect((await send('POST', all, thing('one'))).body).toMatchObject({code: 409, reason: 'AlreadyExists'});
    expect((await send('GET', `${all}/one`)).body).toEqual(made.body);
    expect((await send('GET', `${all.replace('v1', 'v2')}/one`)).body).toMatchObject({apiVersion: `${GROUP}/v2`});

    const {body: changed} = await send('PUT', `${all}/one`, {...made.body, spec: {replicas: 2, color: 'red'}});
    expect(changed).toMatchObject({metadata: {generation: 2, resourceVersion: '3'}, spec: {replicas: 2}});
    expect((await send('PUT', `${all}/one`, made.body)).body).toMatchObject({code: 409, reason: 'Conflict'});
    const {body: same} = await send('PUT', `${all}/one`, changed);
    expect(at(same, 'metadata', 'resourceVersion')).toBe('3');

    const {body: gone} = await send('DELETE', `${all}/one`);
    expect(gone).toMatchObject({status: 'Success', details: {name: 'one', group: GROUP, kind: 'things'}});
    expect((await send('GET', `${all}/one`)).code).toBe(404);
  });

  test('keep their status apart', async () => {
    const {body: made} = await send('POST', all, thing('apart'));
    const both = {...made, spec: {replicas: 9}, status: {phase: 'Done'}};
    const {body: spec} = await send('PUT', `${all}/apart`, both);
    expect(spec).toMatchObject({spec: {replicas: 9}, status: {phase: 'New'}, metadata: {generation: 2}});
    const {body: status} = await send(
      'PATCH',
      `${all}/apart/status`,
      {spec: {replicas: 1}, status: {phase: 'Done'}},
      {
        'content-type': MERGE,
      },
    );
    expect(status).toMatchObject({spec: {replicas: 9}, status: {phase: 'Done'}, metadata: {generation: 2}});
  });

  test('have a scale', async () => {
    await send('POST', all, thing('scaled'));
    expect((await send('GET', `${all}/scaled/scale`)).body).toMatchObject({kind: 'Scale', spec: {replicas: 1}});
    const {body} = await send('PATCH', `${all}/scaled/scale`, {spec: {replicas: 5}}, {'content-type': MERGE});
    expect(body).toMatchObject({kind: 'Scale', apiVersion: 'autoscaling/v1', spec: {replicas: 5}});
    expect((await send('GET', `${all}/scaled`)).body).toMatchObject({spec: {replicas: 5}});
  });

  test('get names', async () => {
    const named = {...thing(''), metadata: {generateName: 'gen-'}};
    const names = await Promise.all(
      Array.from({length: 20}, async () => at((await send('POST', all, named)).body, 'metadata', 'name')),
    );
    expect(new Set(names).size).toBe(20);
    for (const name of names) expect(name).toMatch(/^gen-[a-z0-9]{5}$/);
  });

  test('stay while a finalizer holds them', async () => {
    await send('POST', all, {...thing('held'), metadata: {name: 'held', finalizers: ['example.com/hold']}});
    const {code, body} = await send('DELETE', `${all}/held`);
    expect(code).toBe(200);
    expect(body).toMatchObject({metadata: {generation: 2, deletionTimestamp: expect.any(String)}});
    expect((await send('DELETE', `${all}/held`)).body).toEqual(body);
    await send('PATCH', `${all}/held`, {metadata: {finalizers: null}}, {'content-type': MERGE});
    expect((await send('GET', `${all}/held`)).code).toBe(404);
  });

  test('are not changed by a dry run', async () => {
    const {code, body} = await send('POST', `${all}?dryRun=All`, thing('dry'));
    expect(code).toBe(201);
    expect(at(body, 'metadata', 'uid')).toEqual(expect.any(String));
    expect((await send('GET', `${all}/dry`)).code).toBe(404);
    await send('POST', all, thing('dry'));
    expect((await send('DELETE', `${all}/dry?dryRun=All`)).code).toBe(200);
    expect((await send('GET', `${all}/dry`)).code).toBe(200);
  });

  test('are patched by many at once', async () => {
    await send('POST', all, thing('busy'));
    const answers = await Promise.all(
      Array.from({length: 30}, async (_, index) =>
        send('PATCH', `${all}/busy`, {metadata: {labels: {[`l${index}`]: 'x'}}}, {'content-type': MERGE}),
      ),
    );
    expect(new Set(answers.map(({code}) => code))).toEqual(new Set([200]));
    const labels = at((await send('GET', `${all}/busy`)).body, 'metadata', 'labels');
    expect(Object.keys(labels as JsonObject)).toHaveLength(30);
  });

  test('are validated, and what is unknown is told', async () => {
    expect((await send('POST', all, thing('bad', {spec: {replicas: 'x'}}))).body).toMatchObject({
      code: 422,
      details: {causes: [{field: 'spec.replicas', reason: 'FieldValueTypeInvalid'}]},
    });
    const twice = JSON.stringify(thing('odd')).replace('"spec":{', '"spec":{"b":1,"replicas":2,');
    const {code, headers} = await send('POST', all, twice);
    expect(code).toBe(201);
    expect(headers['warning']).toBe('299 - "duplicate field \\"spec.replicas\\"", 299 - "unknown field \\"spec.b\\""');
    expect((await send('POST', `${all}?fieldValidation=Strict`, twice)).body['message']).toBe(
      'Thing in version "v1" cannot be handled as a Thing: strict decoding error: duplicate field "spec.replicas", unknown field "spec.b"',
    );
  });

  test('keep keys of any name', async () => {
    const body =
      '{"apiVersion":"example.com/v1","kind":"Thing","metadata":{"name":"proto","annotations":{"__proto__":"x","constructor":"y"}}}';
    const {code} = await send('POST', all, body);
    expect(code).toBe(422);
    const good = body.replace('__proto__', 'hasOwnProperty');
    const made = await send('POST', all, good);
    expect(at(made.body, 'metadata', 'annotations')).toEqual({hasOwnProperty: 'x', constructor: 'y'});
  });
});

describe('lists', () => {
  const path = `/apis/${GROUP}/v1/namespaces/lists/things`;
  const names = Array.from({length: 7}, (_, index) => `item-${index}`);
  beforeAll(async () => {
    for (const [index, name] of names.entries()) {
      const metadata = {name, labels: {parity: index % 2 === 0 ? 'even' : 'odd'}};
      await send('POST', path, {...thing(name), metadata, spec: {color: index < 3 ? 'blue' : 'green'}});
    }
  });
  const namesOf = (body: JsonObject): unknown[] =>
    (body['items'] as JsonValue[]).map((item) => at(item, 'metadata', 'name'));

  test('come in chunks of one state', async () => {
    const first = await send('GET', `${path}?limit=3`);
    expect(namesOf(first.body)).toEqual(names.slice(0, 3));
    expect(at(first.body, 'metadata', 'remainingItemCount')).toBe(4);
    const {body: extra} = await send('POST', path, thing('item-3-and-a-half'));
    let token = at(first.body, 'metadata', 'continue') as string;
    const rest: unknown[] = [];
    while (token !== '') {
      const {body} = await send('GET', `${path}?limit=3&continue=${token}`);
      expect(at(body, 'metadata', 'resourceVersion')).toBe(at(first.body, 'metadata', 'resourceVersion'));
      rest.push(...namesOf(body));
      token = at(body, 'metadata', 'continue') as string;
    }
    expect(rest).toEqual(names.slice(3));
    await send('DELETE', `${path}/${at(extra, 'metadata', 'name') as string}`);
  });

  test.each([
    ['labelSelector=parity%3Deven', ['item-0', 'item-2', 'item-4', 'item-6']],
    ['labelSelector=parity%21%3Deven', ['item-1', 'item-3', 'item-5']],
    ['fieldSelector=spec.color%3Dblue', ['item-0', 'item-1', 'item-2']],
    ['fieldSelector=metadata.name%3Ditem-5', ['item-5']],
    ['fieldSelector=spec.color%3Dblue&labelSelector=parity%3Dodd', ['item-1']],
  ])('select by %s', async (query, expected) => {
    expect(namesOf((await send('GET', `${path}?${query}`)).body)).toEqual(expected);
  });

  test('are deleted by selector', async () => {
    const {body} = await send('DELETE', `${path}?labelSelector=parity%3Dodd`);
    expect(namesOf(body)).toEqual(['item-1', 'item-3', 'item-5']);
    expect(namesOf((await send('GET', path)).body)).toEqual(['item-0', 'item-2', 'item-4', 'item-6']);
  });

  test.each([
    ['resourceVersionMatch=Exact', 422, 'resourceVersionMatch is forbidden unless resourceVersion is provided'],
    ['sendInitialEvents=true', 422, 'sendInitialEvents is forbidden for list'],
    ['limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['resourceVersion=x', 400, 'invalid resource version'],
    ['continue=abc', 400, 'invalid continue token'],
    ['fieldSelector=spec.replicas%3D1', 400, 'field label not supported: spec.replicas'],
  ])('refuse %s', async (query, code, message) => {
    const {body} = await send('GET', `${path}?${query}`);
    expect(body).toMatchObject({code, message: expect.stringContaining(message)});
  });
});

describe('watches', () => {
  test('see what happens, from the state that they ask for', async () => {
    const {body: made} = await send('POST', all, thing('seen'));
    const from = at(made, 'metadata', 'resourceVersion') as string;
    const events = watch(`resourceVersion=${from}&fieldSelector=metadata.name%3Dseen`);
    const first = events.next();
    await send('PATCH', `${all}/seen`, {spec: {replicas: 2}}, {'content-type': MERGE});
    await send('DELETE', `${all}/seen`);
    expect((await first).value).toMatchObject({type: 'MODIFIED', object: {spec: {replicas: 2}}});
    expect((await events.next()).value).toMatchObject({type: 'DELETED', object: {spec: {replicas: 2}}});
    await events.return(undefined);
  });

  test('begin with the present state, and tell its end', async () => {
    await send('POST', all, thing('there'));
    const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const types: unknown[] = [];
    for await (const event of watch(`${query}&fieldSelector=metadata.name%3Dthere`)) {
      types.push(event['type']);
      if (event['type'] !== 'BOOKMARK') continue;
      expect(at(event, 'object', 'metadata', 'annotations')).toEqual({'k8s.io/initial-events-end': 'true'});
      break;
    }
    expect(types).toEqual(['ADDED', 'BOOKMARK']);
  });

  test('are told what leaves a selection as a deletion', async () => {
    await send('POST', all, {...thing('leaver'), spec: {color: 'blue'}});
    const events = watch('fieldSelector=spec.color%3Dblue,metadata.name%3Dleaver');
    expect((await events.next()).value).toMatchObject({type: 'ADDED'});
    await send('PATCH', `${all}/leaver`, {spec: {color: 'green'}}, {'content-type': MERGE});
    expect((await events.next()).value).toMatchObject({type: 'DELETED', object: {spec: {color: 'blue'}}});
    await events.return(undefined);
  });

  test('end with a bookmark, where one is wanted', async () => {
    const events: unknown[] = [];
    const query = 'timeoutSeconds=3&allowWatchBookmarks=true&resourceVersion=0';
    for await (const event of watch(`${query}&fieldSelector=metadata.name%3Dnobody`)) events.push(event);
    expect(events).toMatchObject([
      {type: 'BOOKMARK', object: {kind: 'Thing', metadata: {resourceVersion: expect.any(String)}}},
    ]);
  });

  test('end when their time is over', async () => {
    const types: unknown[] = [];
    for await (const event of watch('timeoutSeconds=1&fieldSelector=metadata.name%3Dnobody')) types.push(event);
    expect(types).toEqual([]);
  });
});

describe('requests that are no good', () => {
  test.each([
    ['GET', '/nothing', 404],
    ['GET', `/apis/${GROUP}/v1/namespaces/ns/nothing`, 404],
    ['GET', `/apis/${GROUP}/v3/namespaces/ns/things`, 404],
    ['GET', `${all}/none/nothing`, 404],
    ['POST', `/apis/${GROUP}/v1/things`, 404],
    ['POST', `${all}/one`, 405],
    ['PUT', all, 405],
    ['PATCH', all, 405],
    ['OPTIONS', all, 405],
    ['GET', `${all}/a%25b`, 400],
  ])('%s %s: %i', async (method, path, code) => {
    expect((await send(method, path)).code).toBe(code);
  });

  test('are told which formats there are', async () => {
    expect((await send('GET', all, undefined, {accept: 'text/html'})).code).toBe(406);
    expect((await send('POST', all, '{}', {'content-type': 'text/plain'})).code).toBe(415);
    expect((await send('PATCH', `${all}/x`, '{}', {'content-type': 'application/json'})).code).toBe(415);
  });

  test('are not read to the end where they are too large', async () => {
    const {code, body} = await send('POST', all, ' '.repeat(3 * 1024 * 1024 + 1));
    expect(code).toBe(413);
    expect(body).toMatchObject({reason: 'RequestEntityTooLarge'});
  });

  test.each(['', '{', '[]', 'null', '"x"', '{"apiVersion":5}', '{"kind":"Thing"}', '\u0000'])(
    'bodies such as %j',
    async (body) => {
      expect(await send('POST', all, body)).toMatchObject({code: 400, body: {kind: 'Status', status: 'Failure'}});
    },
  );

  test('bodies that nest too deeply', async () => {
    expect(await send('POST', all, '{"a":'.repeat(20_000))).toMatchObject({code: 400, body: {reason: 'BadRequest'}});
  });

  test('of HTTP itself', async () => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    socket.end('BREW / HTTP/1.1\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1\.1 405 /);
  });
});

test('a server that closes ends watches, and answers what it has begun', async () => {
  const other = await createApiServer({
    storage: createMemoryStorage(),
    configure: () => ({
      resources: [things],
      authenticator: async () => ({username: 'admin', groups: [MASTERS]}),
      authorizer: async () => ({allowed: true, reason: ''}),
      admission: [],
    }),
  });
  const {url: address} = await other.listen({port: 0});
  const watching = request(new URL(`${all}?watch=true`, address), {agent: false});
  watching.end();
  const [response] = (await once(watching, 'response')) as [AsyncIterable<Buffer>];
  const ended = text(response);
  await other.close();
  expect(await ended).toBe('');
});
