import {once} from 'node:events';
import {connect, type Socket} from 'node:net';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {silentLogger} from '@kruntimes/reconciler-kit';
import type {DrainAnswer} from './drain.ts';
import {DrainServer} from './drain-server.ts';

let server: DrainServer;
let requested: (signal: AbortSignal) => Promise<DrainAnswer>;
const sockets: Socket[] = [];

beforeEach(async () => {
  requested = async () => ({status: 200, message: 'all Runs have ended'});
  server = await DrainServer.start({
    bindAddress: '127.0.0.1:0',
    requested: (signal) => requested(signal),
    logger: silentLogger,
  });
});

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await server[Symbol.asyncDispose]();
});

const url = (path = '/drain'): string => `http://127.0.0.1:${server.port}${path}`;

async function openSocket(): Promise<Socket> {
  const socket = connect(server.port ?? 0, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}

describe('DrainServer', () => {
  test('answers GET /drain and nothing else, one request for each connection', async () => {
    const answer = await fetch(url());
    expect([answer.status, await answer.text(), answer.headers.get('connection')]).toEqual([
      200,
      'all Runs have ended\n',
      'close',
    ]);
    expect((await fetch(url('/metrics'))).status).toBe(404);
    const post = await fetch(url(), {method: 'POST', body: 'x'});
    expect([post.status, post.headers.get('allow')]).toEqual([405, 'GET']);
  });

  test('passes refusals and failures on', async () => {
    requested = async () => ({status: 409, message: 'no'});
    expect([(await fetch(url())).status, await (await fetch(url())).text()]).toEqual([409, 'no\n']);
    requested = async () => {
      throw new Error('secret');
    };
    const answer = await fetch(url());
    expect([answer.status, await answer.text()]).toEqual([500, 'internal error\n']);
  });

  test('who holds connections open keeps nobody out', async () => {
    const silent: Socket[] = [];
    for (let i = 0; i < 100; i++) silent.push(await openSocket());
    // Half a request is no more than none.
    for (const socket of silent) socket.write('GET /drain HTTP/1.1\r\nhost: x\r\n');
    expect((await fetch(url())).status).toBe(200);
    const open = silent.filter(({destroyed}) => !destroyed);
    expect(open.length).toBeLessThanOrEqual(16);
  });

  test('the one whose drain is under way keeps its connection, whoever comes', async () => {
    const {promise, resolve} = Promise.withResolvers<DrainAnswer>();
    const asked = Promise.withResolvers<void>();
    requested = () => {
      asked.resolve();
      return promise;
    };
    const waiting = fetch(url());
    await asked.promise;
    for (let i = 0; i < 40; i++) await openSocket();
    resolve({status: 200, message: 'done'});
    expect(await (await waiting).text()).toBe('done\n');
  });

  test('says when the one who asked has gone', async () => {
    const {promise, resolve} = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    requested = (signal) => {
      asked.resolve();
      signal.addEventListener('abort', () => resolve());
      return new Promise(() => {});
    };
    const socket = await openSocket();
    socket.write('GET /drain HTTP/1.1\r\nhost: x\r\n\r\n');
    await asked.promise;
    socket.destroy();
    await expect(promise).resolves.toBeUndefined();
  });

  test('can be turned off, and says which address it cannot have', async () => {
    const parts = {requested, logger: silentLogger};
    await using off = await DrainServer.start({...parts, bindAddress: '0'});
    expect(off.port).toBeUndefined();
    await expect(DrainServer.start({...parts, bindAddress: `127.0.0.1:${server.port}`})).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining(`127.0.0.1:${server.port}`),
    });
  });
});
