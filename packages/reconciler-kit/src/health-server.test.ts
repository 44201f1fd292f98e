import {connect} from 'node:net';
import {text} from 'node:stream/consumers';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {HealthServer} from './health-server.ts';
import {Metrics} from './metrics.ts';
import {MetricsServer} from './metrics-server.ts';
import {ManualClock} from './testing/manual-clock.ts';

let clock: ManualClock;
let server: HealthServer;
beforeEach(async () => {
  clock = new ManualClock();
  server = new HealthServer({bindAddress: '127.0.0.1:0', clock});
  await server.start();
});
afterEach(() => server.close());

async function get(path: string, init?: RequestInit): Promise<{status: number; body: string}> {
  const response = await fetch(`http://${server.address}${path}`, init);
  return {status: response.status, body: await response.text()};
}
const failing = () => {
  throw new Error('secret');
};

describe('HealthServer', () => {
  test('is well when nothing says otherwise', async () => {
    expect(await get('/healthz')).toEqual({status: 200, body: 'ok'});
    expect(await get('/readyz')).toEqual({status: 200, body: 'ok'});
    expect(await get('/healthz/')).toEqual({status: 200, body: 'ok'});
  });

  test('health and readiness are asked separately', async () => {
    server.addReadyCheck('caches', failing);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(500);
  });

  test('says which check failed, but not why', async () => {
    server.addHealthCheck('good', () => Promise.resolve());
    server.addHealthCheck('bad', () => Promise.reject(new Error('secret')));
    expect(await get('/healthz')).toEqual({
      status: 500,
      body: '[+]ping ok\n[+]good ok\n[-]bad failed: reason withheld\nhealthz check failed\n',
    });
  });

  test('?verbose lists all, ?exclude leaves out, a path asks for one', async () => {
    server.addReadyCheck('bad', failing);
    expect(await get('/readyz?verbose&exclude=bad&exclude=typo')).toEqual({
      status: 200,
      body: '[+]ping ok\n[+]bad excluded: ok\nwarn: some health checks cannot be excluded: no matches for "typo"\nreadyz check passed\n',
    });
    expect((await get('/readyz?exclude=bad')).body).toBe('ok');
    expect((await get('/readyz/ping')).status).toBe(200);
    expect((await get('/readyz/bad')).status).toBe(500);
    expect((await get('/readyz/none')).status).toBe(404);
    expect((await get('/')).status).toBe(404);
    expect((await get('/readyz/ping/more')).status).toBe(404);
  });

  test('a check that does not answer has failed, and is told', async () => {
    let signal: AbortSignal | undefined;
    const asked = new Promise<void>((resolve) => {
      server.addHealthCheck('slow', (given) => {
        signal = given;
        resolve();
        return new Promise(() => {});
      });
    });
    const answer = get('/healthz');
    await asked;
    await clock.advance(5_000);
    expect((await answer).status).toBe(500);
    expect(signal?.aborted).toBe(true);
  });

  test('takes GET and HEAD only', async () => {
    expect(await get('/healthz', {method: 'HEAD'})).toEqual({status: 200, body: ''});
    expect((await get('/healthz', {method: 'POST', body: 'x'})).status).toBe(405);
  });

  test('refuses headers that are too large, and lines that are no HTTP', async () => {
    expect((await get('/healthz', {headers: {big: 'x'.repeat(20_000)}})).status).toBe(431);
    const [host, port] = server.address?.split(':') ?? [];
    const socket = connect(Number(port), host);
    socket.end('nonsense\r\n\r\n');
    expect(await text(socket)).toMatch(/^HTTP\/1.1 400 /);
    expect((await get('/healthz')).status).toBe(200);
  });

  test('a close ends connections that nobody uses, and frees the port', async () => {
    const {address} = server;
    await get('/healthz');
    await server.close();
    expect(server.address).toBeUndefined();
    const again = new HealthServer({bindAddress: address ?? ''});
    await again.start();
    expect(again.address).toBe(address);
    const taken = new HealthServer({bindAddress: address ?? ''});
    await expect(taken.start()).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining(address ?? ''),
    });
    await again.close();
  });

  test('does not listen when turned off', async () => {
    const off = new HealthServer({bindAddress: '0'});
    await off.start();
    expect(off.address).toBeUndefined();
    await off.close();
  });
});

test('MetricsServer serves the registry at /metrics, on IPv6 too', async () => {
  const metrics = new Metrics({processMetrics: true});
  metrics.counter({name: 'own_total', help: 'Own.'}).inc(3);
  const metricsServer = new MetricsServer({metrics, bindAddress: '[::1]:0'});
  await metricsServer.start();
  try {
    const response = await fetch(`http://${metricsServer.address}/metrics`);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    const body = await response.text();
    expect(body).toContain('\nown_total 3\n');
    expect(body).toMatch(/\nprocess_resident_memory_bytes \d+/);
    expect((await fetch(`http://${metricsServer.address}/`)).status).toBe(404);
  } finally {
    await metricsServer.close();
  }
});
