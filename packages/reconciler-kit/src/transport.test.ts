import {type AddressInfo, createServer as createTcpServer} from 'node:net';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import type {ClientMetrics} from './client-metrics.ts';
import type {ClusterConfig} from './config.ts';
import {HttpStub, sendJson, sendStatus} from './http-stub.fixture.ts';
import {type Logger, silentLogger} from './logger.ts';
import {ManualClock} from './testing/manual-clock.ts';
import {type ApiStream, Transport, type TransportOptions} from './transport.ts';

let stub: HttpStub;
let cleanUp: (() => Promise<void>)[];

beforeEach(async () => {
  stub = await HttpStub.start();
  cleanUp = [() => stub.stop()];
});

afterEach(async () => {
  for (const step of cleanUp.toReversed()) await step();
});

function transportTo(config: Partial<ClusterConfig> = {}, options: TransportOptions = {}): Transport {
  const transport = new Transport({server: stub.url, namespace: 'default', ...config}, options);
  cleanUp.push(() => transport.close());
  return transport;
}

/** Lets answers of the stub come in and moves time whenever the transport waits for it. */
async function advanceUntil<T>(clock: ManualClock, stepMs: number, promise: Promise<T>): Promise<T> {
  const state = {done: false};
  const finish = (): void => {
    state.done = true;
  };
  promise.then(finish, finish);
  for (let i = 0; i < 5000 && !state.done; i++) await clock.advance(stepMs);
  return await promise;
}

async function readAll(stream: ApiStream): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream.body) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

describe('a request', () => {
  test('carries path prefix, query, headers and JSON body, and gives back the parsed answer', async () => {
    stub.handler = (_, response) => sendJson(response, 201, {metadata: {name: 'ü'}});
    const transport = transportTo(
      {
        server: `${stub.url}/k8s/clusters/c-1/`,
        headers: {'Impersonate-User': 'jane', 'Impersonate-Group': ['a', 'b']},
        authorization: async () => 'Bearer t',
      },
      {userAgent: 'agent/1'},
    );
    const answer = await transport.request({
      method: 'POST',
      path: '/api/v1/namespaces',
      query: {fieldManager: 'a&b=c', dryRun: undefined, limit: 3, watch: false},
      body: {metadata: {name: 'ü'}},
    });
    expect(answer).toEqual({metadata: {name: 'ü'}});
    expect(stub.requests).toMatchObject([
      {
        method: 'POST',
        url: '/k8s/clusters/c-1/api/v1/namespaces?fieldManager=a%26b%3Dc&limit=3&watch=false',
        body: '{"metadata":{"name":"ü"}}',
        headers: {
          accept: 'application/json',
          authorization: 'Bearer t',
          'content-type': 'application/json',
          'user-agent': 'agent/1',
          'impersonate-user': 'jane',
          'impersonate-group': 'a, b',
        },
      },
    ]);
  });

  test('text and bytes are sent as they are, text is given back when asked for', async () => {
    stub.handler = (request, response) => void response.end(`<${request.body}>`);
    const transport = transportTo();
    const request = {method: 'POST', path: '/x', contentType: 'application/yaml', accept: 'text/plain'} as const;
    expect(await transport.request({...request, body: 'a: 1'})).toBe('<a: 1>');
    expect(await transport.request({...request, body: Buffer.from('b: 2')})).toBe('<b: 2>');
    expect(stub.requests[0]?.headers['content-type']).toBe('application/yaml');
  });

  test('an empty answer is undefined', async () => {
    stub.handler = (_, response) => void response.writeHead(204).end();
    await expect(transportTo().request({method: 'DELETE', path: '/x'})).resolves.toBeUndefined();
  });

  test('connections are kept and used again, and are never more than allowed', async () => {
    const held: (() => void)[] = [];
    let left = 22;
    let most = 0;
    stub.handler = (request, response) => {
      held.push(() => sendJson(response, 200, {}));
      most = Math.max(most, held.length);
      // Each group of three is answered when it is complete, so all three connections are in use at once.
      if (request.url === '/alone' || held.length === Math.min(3, left)) {
        left -= held.length;
        for (const answer of held.splice(0)) answer();
      }
    };
    const transport = transportTo({}, {connections: 3});
    await transport.request({method: 'GET', path: '/alone'});
    await transport.request({method: 'GET', path: '/alone'});
    await Promise.all(Array.from({length: 20}, () => transport.request({method: 'GET', path: '/x'})));
    expect(most).toBe(3);
    const ports = stub.requests.map((request) => request.remotePort);
    expect(new Set(ports).size).toBe(3);
  });

  test('a transport that is used for nothing connects to nothing', async () => {
    transportTo();
    await new Promise((resolve) => setImmediate(resolve));
    expect(stub.requests).toEqual([]);
  });
});

describe('answers that are no success', () => {
  test('become an ApiError with the Status of the server', async () => {
    stub.handler = (_, response) => sendStatus(response, 409, 'AlreadyExists');
    await expect(transportTo().request({method: 'POST', path: '/api/v1/namespaces'})).rejects.toMatchObject({
      name: 'ApiError',
      status: 409,
      reason: 'AlreadyExists',
      code: 'API_ALREADY_EXISTS',
      message: 'POST /api/v1/namespaces: AlreadyExists!',
    });
  });

  test('without a Status show the beginning of the text', async () => {
    stub.handler = (_, response) =>
      void response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n');
    await expect(transportTo().request({method: 'GET', path: '/x'})).rejects.toMatchObject({
      status: 400,
      message: 'GET /x: the API server answered 400: Client sent an HTTP request to an HTTPS server.',
    });
  });

  test('redirects are not followed', async () => {
    stub.handler = (_, response) => void response.writeHead(302, {location: 'http://127.0.0.1:1/'}).end();
    await expect(transportTo().request({method: 'GET', path: '/x'})).rejects.toMatchObject({status: 302});
    expect(stub.requests).toHaveLength(1);
  });

  test('a login page instead of JSON says so', async () => {
    stub.handler = (_, response) => void response.end('<html>log in');
    await expect(transportTo().request({method: 'GET', path: '/x'})).rejects.toMatchObject({
      code: 'RESPONSE_INVALID',
      message: expect.stringContaining('<html>log in'),
    });
  });

  test('an answer beyond the limit is cut off', async () => {
    stub.handler = (_, response) => void response.end('x'.repeat(5000));
    await expect(transportTo({}, {maxResponseBytes: 4999}).request({method: 'GET', path: '/x'})).rejects.toMatchObject({
      code: 'RESPONSE_TOO_LARGE',
    });
    stub.handler = (_, response) => void response.end('1'.repeat(100));
    await expect(transportTo({}, {maxResponseBytes: 100}).request({method: 'GET', path: '/x'})).resolves.toBeDefined();
  });
});

describe('repeating', () => {
  test.each(['GET', 'POST', 'PATCH'] as const)('%s: 429 and 503 with Retry-After are waited out', async (method) => {
    const clock = new ManualClock();
    const times: number[] = [];
    stub.handler = (_, response) => {
      times.push(clock.monotonic());
      if (times.length === 1) sendStatus(response, 429, 'TooManyRequests', {'retry-after': '2'});
      else if (times.length === 2) sendStatus(response, 503, 'ServiceUnavailable', {'retry-after': '1'});
      else sendJson(response, 200, {ok: true});
    };
    const answer = transportTo({}, {clock, random: () => 0}).request({method, path: '/x', body: {a: 1}});
    await expect(advanceUntil(clock, 10, answer)).resolves.toEqual({ok: true});
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(2000);
    expect((times[2] ?? 0) - (times[1] ?? 0)).toBeGreaterThanOrEqual(1000);
    expect(stub.requests.map((request) => request.body)).toEqual(Array(3).fill('{"a":1}'));
  });

  test('a 429 without Retry-After is repeated with a rising pause, at most maxRetries times', async () => {
    const clock = new ManualClock();
    stub.handler = (_, response) => sendStatus(response, 429, 'TooManyRequests');
    const answer = transportTo({}, {clock, random: () => 0, maxRetries: 2}).request({method: 'POST', path: '/x'});
    await expect(advanceUntil(clock, 100, answer)).rejects.toMatchObject({code: 'API_TOO_MANY_REQUESTS'});
    expect(stub.requests).toHaveLength(3);
  });

  test.each([
    ['a 500 without Retry-After', 500, {}],
    ['a 503 that asks for an hour', 503, {'retry-after': '3600'}],
    ['a date in Retry-After', 503, {'retry-after': 'Wed, 21 Oct 2026 07:28:00 GMT'}],
    ['a 409 whatever it says', 409, {'retry-after': '1'}],
  ])('%s is not repeated', async (_, status, headers) => {
    stub.handler = (_request, response) => sendStatus(response, status, 'No', headers);
    await expect(transportTo().request({method: 'GET', path: '/x'})).rejects.toMatchObject({status});
    expect(stub.requests).toHaveLength(1);
  });

  test('maxRetries of the request comes before that of the transport', async () => {
    stub.handler = (_, response) => sendStatus(response, 429, 'TooManyRequests', {'retry-after': '1'});
    await expect(transportTo().request({method: 'GET', path: '/x', maxRetries: 0})).rejects.toMatchObject({
      retryAfterSeconds: 1,
    });
    expect(stub.requests).toHaveLength(1);
  });

  test('a read whose connection breaks is repeated', async () => {
    const clock = new ManualClock();
    stub.handler = (request, response) => {
      if (stub.requests.length < 3) response.socket?.destroy();
      else sendJson(response, 200, {method: request.method});
    };
    const answer = transportTo({}, {clock}).request({method: 'GET', path: '/x'});
    await expect(advanceUntil(clock, 10, answer)).resolves.toEqual({method: 'GET'});
  });

  test('a write whose connection breaks is not: it may have been carried out', async () => {
    stub.handler = (_, response) => void response.socket?.destroy();
    await expect(transportTo().request({method: 'POST', path: '/x'})).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: true,
      message: expect.stringContaining('POST /x: no answer from http://127.0.0.1'),
    });
    expect(stub.requests).toHaveLength(1);
  });

  test('half an answer is no answer', async () => {
    stub.handler = (_, response) => {
      response.writeHead(200, {'content-length': '100'});
      response.write('{"a":');
      setImmediate(() => response.socket?.destroy());
    };
    await expect(transportTo().request({method: 'PUT', path: '/x'})).rejects.toMatchObject({code: 'CONNECTION_FAILED'});
  });
});

describe('401', () => {
  test('asks for a fresh credential once', async () => {
    const asked: boolean[] = [];
    stub.handler = (request, response) =>
      request.headers.authorization === 'Bearer new'
        ? sendJson(response, 200, {ok: true})
        : sendStatus(response, 401, 'Unauthorized');
    const authorization = async ({refresh}: {refresh: boolean}) => {
      asked.push(refresh);
      return asked.includes(true) ? 'Bearer new' : 'Bearer old';
    };
    const transport = transportTo({authorization});
    await expect(transport.request({method: 'POST', path: '/x'})).resolves.toEqual({ok: true});
    expect(asked).toEqual([false, true]);
  });

  test('twice in a row is passed on, for requests and streams', async () => {
    stub.handler = (_, response) => sendStatus(response, 401, 'Unauthorized');
    const transport = transportTo({authorization: async () => 'Bearer bad'});
    await expect(transport.request({method: 'GET', path: '/x'})).rejects.toMatchObject({code: 'API_UNAUTHORIZED'});
    expect(stub.requests).toHaveLength(2);
    await expect(transport.stream({method: 'GET', path: '/x'})).rejects.toMatchObject({code: 'API_UNAUTHORIZED'});
    expect(stub.requests).toHaveLength(4);
  });

  test('without a way to get a credential is passed on at once', async () => {
    stub.handler = (_, response) => sendStatus(response, 401, 'Unauthorized');
    await expect(transportTo().request({method: 'GET', path: '/x'})).rejects.toMatchObject({status: 401});
    expect(stub.requests).toHaveLength(1);
  });
});

describe('ending a request', () => {
  test('a request without an answer times out, and its connection is not used again', async () => {
    const clock = new ManualClock();
    stub.handler = (request, response) => {
      if (request.url !== '/hang') sendJson(response, 200, {});
    };
    const transport = transportTo({}, {clock, connections: 1});
    const hanging = transport.request({method: 'GET', path: '/hang', timeoutMs: 5000});
    await expect(advanceUntil(clock, 100, hanging)).rejects.toMatchObject({
      code: 'TIMEOUT',
      retryable: true,
      message: 'GET /hang: no complete answer in 5000 ms',
    });
    await transport.request({method: 'GET', path: '/x'});
    expect(stub.requests.at(-1)?.remotePort).not.toBe(stub.requests[0]?.remotePort);
  });

  test('an aborted request rejects with the reason of its signal', async () => {
    const controller = new AbortController();
    const reason = new Error('changed my mind');
    stub.handler = () => controller.abort(reason);
    const transport = transportTo();
    const request = {method: 'GET', path: '/x', signal: controller.signal} as const;
    await expect(transport.request(request)).rejects.toBe(reason);
    await expect(transport.request(request)).rejects.toBe(reason);
    expect(stub.requests).toHaveLength(1);
  });

  test('a request that waits for a connection can be aborted and is never sent', async () => {
    const held: (() => void)[] = [];
    stub.handler = (request, response) => {
      if (request.url === '/first') held.push(() => sendJson(response, 200, {}));
      else sendJson(response, 200, {});
    };
    const transport = transportTo({}, {connections: 1});
    const first = transport.request({method: 'GET', path: '/first'});
    const controller = new AbortController();
    const second = transport.request({method: 'POST', path: '/second', signal: controller.signal});
    while (held.length === 0) await new Promise((resolve) => setImmediate(resolve));
    controller.abort();
    await expect(second).rejects.toMatchObject({name: 'AbortError'});
    held[0]?.();
    await first;
    await transport.request({method: 'GET', path: '/third'});
    expect(stub.requests.map((request) => request.url)).toEqual(['/first', '/third']);
  });

  test('abort ends the pause before the next attempt', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    stub.handler = (_, response) => sendStatus(response, 429, 'TooManyRequests', {'retry-after': '30'});
    const request = transportTo({}, {clock}).request({method: 'GET', path: '/x', signal: controller.signal});
    while (clock.pendingTimers === 0 || stub.requests.length === 0) await clock.advance(0);
    controller.abort();
    await expect(request).rejects.toMatchObject({name: 'AbortError'});
  });

  test('close fails what is under way and what comes after', async () => {
    const transport = transportTo();
    stub.handler = (request, response) => {
      if (request.url === '/stream') response.write('x');
    };
    const stream = await transport.stream({method: 'GET', path: '/stream'});
    const reading = readAll(stream);
    const request = transport.request({method: 'GET', path: '/x'});
    const failed = Promise.allSettled([request, reading]);
    while (stub.requests.length < 2) await new Promise((resolve) => setImmediate(resolve));
    await transport.close();
    await transport.close();
    for (const outcome of await failed) {
      expect(outcome).toMatchObject({status: 'rejected', reason: {code: 'TRANSPORT_CLOSED'}});
    }
    await expect(transport.request({method: 'GET', path: '/x'})).rejects.toMatchObject({code: 'TRANSPORT_CLOSED'});
    await expect(transport.stream({method: 'GET', path: '/x'})).rejects.toMatchObject({code: 'TRANSPORT_CLOSED'});
  });
});

describe('a stream', () => {
  test('gives its headers before its end, and its body as it comes', async () => {
    let finish: (() => void) | undefined;
    stub.handler = (_, response) => {
      response.writeHead(200, {'x-a': 'b'});
      response.write('one');
      finish = () => response.end('two');
    };
    const stream = await transportTo().stream({method: 'GET', path: '/x', query: {watch: true}});
    expect(stream).toMatchObject({status: 200, headers: {'x-a': 'b'}});
    const iterator = stream.body[Symbol.asyncIterator]();
    expect(Buffer.from((await iterator.next()).value as Uint8Array).toString()).toBe('one');
    finish?.();
    expect(Buffer.from((await iterator.next()).value as Uint8Array).toString()).toBe('two');
    expect((await iterator.next()).done).toBe(true);
    expect((await iterator.next()).done).toBe(true);
  });

  test('has a connection of its own, beside those of requests', async () => {
    stub.handler = (request, response) => {
      if (request.url === '/watch') response.write('x');
      else sendJson(response, 200, {});
    };
    const transport = transportTo({}, {connections: 1});
    const streams = await Promise.all(Array.from({length: 5}, () => transport.stream({method: 'GET', path: '/watch'})));
    await transport.request({method: 'GET', path: '/x'});
    expect(new Set(stub.requests.map((request) => request.remotePort)).size).toBe(6);
    for (const stream of streams) stream.close();
  });

  test('does not take over a connection, nor leave one behind', async () => {
    stub.handler = (_, response) => void response.end('x');
    const transport = transportTo();
    for (let i = 0; i < 3; i++) await readAll(await transport.stream({method: 'GET', path: '/x'}));
    expect(new Set(stub.requests.map((request) => request.remotePort)).size).toBe(3);
    expect(stub.requests[0]?.headers.connection).toBe('close');
  });

  test('that is refused is an ApiError', async () => {
    stub.handler = (_, response) => sendStatus(response, 410, 'Expired');
    await expect(transportTo().stream({method: 'GET', path: '/x'})).rejects.toMatchObject({code: 'API_GONE'});
  });

  test('whose connection breaks throws after the last bytes', async () => {
    stub.handler = (_, response) => {
      response.write('abc');
      setImmediate(() => response.socket?.destroy());
    };
    const stream = await transportTo().stream({method: 'GET', path: '/x'});
    const iterator = stream.body[Symbol.asyncIterator]();
    expect(Buffer.from((await iterator.next()).value as Uint8Array).toString()).toBe('abc');
    await expect(iterator.next()).rejects.toMatchObject({code: 'CONNECTION_FAILED'});
    expect((await iterator.next()).done).toBe(true);
  });

  test('that is closed ends for its reader, and its connection closes', async () => {
    const closed = new Promise<void>((resolve) => {
      stub.handler = (_, response) => {
        response.write('x');
        response.once('close', resolve);
      };
    });
    const stream = await transportTo().stream({method: 'GET', path: '/x'});
    const reading = readAll(stream);
    stream.close();
    await closed;
    await expect(reading).resolves.toMatch(/^x?$/);
    stream.close();
  });

  test('leaving the loop closes the connection', async () => {
    const closed = new Promise<void>((resolve) => {
      stub.handler = (_, response) => {
        response.write('x');
        response.once('close', resolve);
      };
    });
    const stream = await transportTo().stream({method: 'GET', path: '/x'});
    for await (const chunk of stream.body) {
      expect(chunk.length).toBe(1);
      break;
    }
    await closed;
  });

  test('rejects with the reason of its signal while it is read', async () => {
    const controller = new AbortController();
    stub.handler = (_, response) => void response.write('x');
    const stream = await transportTo().stream({method: 'GET', path: '/x', signal: controller.signal});
    const reading = readAll(stream);
    const reason = new Error('stop');
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
  });

  test('does not read faster than its reader', async () => {
    let sent = 0;
    let stop = false;
    stub.handler = (_, response) => {
      const fill = (): void => {
        let more = !stop;
        while (more) {
          more = response.write(Buffer.alloc(64 * 1024)) && !stop;
          sent += 64 * 1024;
        }
        if (!stop) response.once('drain', fill);
      };
      fill();
    };
    const stream = await transportTo().stream({method: 'GET', path: '/x'});
    let before = -1;
    // Until nothing moves any more: socket buffers on both sides and the stream's own are full.
    for (let quiet = 0; quiet < 300; quiet = sent === before ? quiet + 1 : 0) {
      before = sent;
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent).toBeLessThan(64 * 1024 * 1024);
    let read = 0;
    for await (const chunk of stream.body) {
      read += chunk.length;
      if (read > before + 1024 * 1024) break;
    }
    stop = true;
    expect(sent).toBeGreaterThan(before);
  });
});

describe('what goes wrong with the connection', () => {
  test('nobody listens', async () => {
    const free = createTcpServer();
    await new Promise<void>((resolve) => free.listen(0, '127.0.0.1', resolve));
    const {port} = free.address() as AddressInfo;
    await new Promise((resolve) => free.close(resolve));
    const transport = transportTo({server: `https://127.0.0.1:${port}`});
    await expect(transport.request({method: 'GET', path: '/x'})).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: true,
      message: `GET /x: no answer from https://127.0.0.1:${port}: nothing listens there: check that the API server runs and that the address and port are right (ECONNREFUSED)`,
    });
  });

  test('TLS spoken to a server without it', async () => {
    const transport = transportTo({server: stub.url.replace('http:', 'https:')});
    await expect(transport.request({method: 'GET', path: '/x'})).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      retryable: false,
      message: expect.stringContaining('should begin with http://'),
    });
  });

  test.each(['', 'localhost:6443', 'ftp://x', '/path'])('server %j is refused at once', (server) => {
    expect(() => new Transport({server, namespace: 'default'})).toThrow(
      expect.objectContaining({code: 'CONFIG_INVALID'}),
    );
  });
});

test('requests, retries and failures are counted', async () => {
  const clock = new ManualClock();
  const seen: unknown[] = [];
  const client = new Proxy({} as ClientMetrics, {
    get: (_, name) => (labels: object) => seen.push([name, labels]),
  });
  stub.handler = (_, response) => {
    if (stub.requests.length === 1) sendStatus(response, 429, 'TooManyRequests', {'retry-after': '1'});
    else if (stub.requests.length === 2) sendJson(response, 200, {});
    else response.socket?.destroy();
  };
  const transport = transportTo({}, {clock, metrics: {client}});
  await advanceUntil(clock, 100, transport.request({method: 'PATCH', path: '/x'}));
  await expect(transport.request({method: 'PATCH', path: '/x'})).rejects.toThrow('PATCH /x');
  const host = new URL(stub.url).host;
  const done = {method: 'PATCH', verb: 'PATCH', host, seconds: expect.any(Number)};
  expect(seen).toEqual([
    ['requestDone', {...done, code: '429'}],
    ['requestRetried', {verb: 'PATCH', host, code: '429'}],
    ['requestDone', {...done, code: '200'}],
    ['requestDone', {...done, code: '<error>'}],
  ]);
});

test('a warning of the server is logged once', async () => {
  const warnings: object[] = [];
  const logger: Logger = {...silentLogger, warn: (_, fields = {}) => warnings.push(fields)};
  stub.handler = (_, response) =>
    sendJson(response, 200, {}, {warning: ['299 - "v1beta1 is \\"old\\""', '299 - "unknown field \\"x\\""']});
  const transport = transportTo({}, {logger});
  await transport.request({method: 'GET', path: '/x'});
  await transport.request({method: 'GET', path: '/x'});
  expect(warnings).toEqual([{warning: 'v1beta1 is "old"'}, {warning: 'unknown field "x"'}]);
});
