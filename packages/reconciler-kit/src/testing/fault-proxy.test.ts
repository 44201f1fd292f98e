import {once} from 'node:events';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {FaultProxy} from './fault-proxy.ts';
import {ManualClock} from './manual-clock.ts';

/** Takes care of a rejection before it can happen. */
function failureOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'succeeded',
    () => 'failed',
  );
}

describe('FaultProxy', () => {
  let server: Server;
  let proxy: FaultProxy;
  let clock: ManualClock;
  let served: string[];

  beforeEach(async () => {
    served = [];
    server = createServer((request, response) => {
      served.push(`${request.method} ${request.url} ${request.headers.authorization ?? 'nobody'}`);
      response.writeHead(200, {'content-type': 'application/json'});
      if (request.url?.includes('watch=true')) response.write('{"type":"ADDED"}\n');
      else response.end('{"items":[]}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    clock = new ManualClock();
    const target = {
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}/prefix`,
      namespace: 'default',
      authorization: async () => 'Bearer of-the-target',
    };
    proxy = await FaultProxy.start(target, {clock});
  });

  afterEach(async () => {
    await proxy.close();
    server.closeAllConnections();
    server.close();
  });

  const get = (path: string, init?: RequestInit): Promise<Response> => fetch(`${proxy.server}${path}`, init);

  test('passes requests on as the user of the target, unless the client says who it is', async () => {
    expect(await (await get('/api/v1/pods?limit=1')).json()).toEqual({items: []});
    await get('/api', {method: 'POST', body: 'x', headers: {authorization: 'Bearer own'}});
    expect(served).toEqual(['GET /prefix/api/v1/pods?limit=1 Bearer of-the-target', 'POST /prefix/api Bearer own']);
    expect(proxy.count()).toBe(2);
    expect(proxy.count({method: 'GET', path: '/api/v1/pods'})).toBe(1);
    expect(proxy.count({watch: true})).toBe(0);
  });

  test('answers in the place of the server, as often as told', async () => {
    const fault = proxy.inject({kind: 'answer', status: 429, retryAfterSeconds: 3}, {match: {method: 'PUT'}, times: 1});
    const refused = await get('/api', {method: 'PUT'});
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '3']);
    expect(await refused.json()).toMatchObject({kind: 'Status', code: 429});
    expect(served).toEqual([]);
    expect((await get('/api', {method: 'PUT'})).status).toBe(200);
    expect(fault.hits).toBe(1);
  });

  test('cuts before the server is reached', async () => {
    const fault = proxy.inject({kind: 'cut'});
    await expect(get('/api')).rejects.toThrow();
    expect(served).toEqual([]);
    fault.stop();
    expect((await get('/api')).status).toBe(200);
  });

  test('loses the answer of a request that was carried out', async () => {
    proxy.inject({kind: 'lose-answer'}, {times: 1});
    await expect(get('/api', {method: 'POST', body: '{}'})).rejects.toThrow();
    expect(served).toHaveLength(1);
  });

  test('delays by its clock', async () => {
    proxy.inject({kind: 'delay', ms: 500});
    const arrived = proxy.nextRequest();
    const answered = get('/api');
    await arrived;
    await clock.advance(499);
    expect(served).toEqual([]);
    await clock.advance(1);
    expect((await answered).status).toBe(200);
  });

  test('stalls: the connection lives, the answer never comes', async () => {
    proxy.inject({kind: 'stall'}, {times: 1});
    const arrived = proxy.nextRequest();
    const stalled = get('/api');
    await arrived;
    expect(proxy.open()).toBe(1);
    expect(proxy.cut()).toBe(1);
    await expect(stalled).rejects.toThrow();
    expect(served).toEqual([]);

    proxy.inject({kind: 'stall-body'}, {times: 1});
    const watch = await get('/api/v1/pods?watch=true');
    expect(watch.status).toBe(200);
    const body = watch.text();
    proxy.cut();
    await expect(body).rejects.toThrow();
  });

  test('tears a line of a watch apart', async () => {
    proxy.inject({kind: 'tear'});
    const watch = await get('/api/v1/pods?watch=true');
    const reader = watch.body!.getReader();
    const {value} = await reader.read();
    expect(Buffer.from(value ?? []).toString()).toBe('{"type":"');
    await expect(reader.read()).rejects.toThrow();
  });

  test('cuts all watches periodically and leaves other requests alone', async () => {
    const cutting = proxy.cutEvery(200);
    proxy.inject({kind: 'delay', ms: 1000}, {match: {watch: false}});
    const arrived = proxy.nextRequest({path: '/slow'});
    const slow = get('/slow');
    await arrived;
    for (let round = 1; round <= 3; round++) {
      const watch = await get('/api/v1/pods?watch=true');
      const failed = failureOf(watch.text());
      expect(proxy.open({watch: true})).toBe(1);
      await clock.advance(200);
      expect(await failed).toBe('failed');
      expect(cutting.hits).toBe(round);
    }
    cutting.stop();
    await clock.advance(400);
    expect((await slow).status).toBe(200);
  });

  test('goes offline and comes back on the same port', async () => {
    const watch = await get('/api/v1/pods?watch=true');
    const failed = failureOf(watch.text());
    const address = proxy.server;
    await proxy.offline();
    expect(await failed).toBe('failed');
    await expect(get('/api')).rejects.toThrow();
    await proxy.online();
    expect(proxy.server).toBe(address);
    expect((await get('/api')).status).toBe(200);
  });
});
