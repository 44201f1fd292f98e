import {once} from 'node:events';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {type ActionTarget, type ProbeResult, perform, runProbe} from './probe.ts';

describe('probes', () => {
  let server: Server;
  let status: number;
  let asked: string[];
  let target: ActionTarget;

  beforeEach(async () => {
    status = 200;
    asked = [];
    server = createServer((request, response) => {
      asked.push(`${request.url} ${String(request.headers['x-probe'] ?? '')}`);
      response.writeHead(status).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as AddressInfo;
    target = {
      container: {name: 'c', ports: [{name: 'web', containerPort: port}]},
      podIP: '127.0.0.1',
      env: {PATH: process.env['PATH'] ?? ''},
      directory: process.cwd(),
      mapPath: (text) => text,
    };
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const never = new AbortController().signal;

  test('an HTTP action wants a status from 200 to 399', async () => {
    await perform({httpGet: {path: '/up', port: 'web', httpHeaders: [{name: 'X-Probe', value: 'yes'}]}}, target, never);
    expect(asked).toEqual(['/up yes']);
    status = 503;
    await expect(perform({httpGet: {port: 'web'}}, target, never)).rejects.toThrow('503');
    await expect(perform({httpGet: {port: 'unknown'}}, target, never)).rejects.toThrow('no port unknown');
  });

  test('a TCP action wants a connection, an exec action exit code 0', async () => {
    await perform({tcpSocket: {port: 'web'}}, target, never);
    await expect(perform({tcpSocket: {port: 1}}, target, never)).rejects.toThrow('ECONNREFUSED');
    await perform({exec: {command: ['true']}}, target, never);
    await expect(perform({exec: {command: ['false']}}, target, never)).rejects.toThrow('false exited with 1');
  });

  test('asks often until the first success, then once per period, and counts failures in periods', async () => {
    const clock = new ManualClock();
    const stop = new AbortController();
    const results: ProbeResult[] = [];
    let told = Promise.withResolvers<void>();
    const next = async (advanceMs: number): Promise<ProbeResult | undefined> => {
      await clock.advance(advanceMs);
      await told.promise;
      told = Promise.withResolvers();
      return results.at(-1);
    };
    const tell = (result: ProbeResult): void => {
      results.push(result);
      told.resolve();
    };
    status = 500;
    const probe = {httpGet: {port: 'web'}, periodSeconds: 10, initialDelaySeconds: 5};
    const running = runProbe(probe, target, tell, {clock, signal: stop.signal});
    expect(await next(5_000)).toMatchObject({ok: false, failures: 1});
    status = 200;
    expect(await next(250)).toMatchObject({ok: true, failures: 0});
    status = 500;
    expect(await next(10_000)).toMatchObject({ok: false, failures: 1});
    expect(await next(10_000)).toMatchObject({ok: false, failures: 2});
    stop.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });
});
