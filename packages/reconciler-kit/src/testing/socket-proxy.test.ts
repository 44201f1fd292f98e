import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {connect, createServer, type Socket} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type SocketAddress, SocketProxy} from './socket-proxy.ts';

let directory: string;
let target: {path: string};
let stop: () => Promise<unknown>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'socket-proxy-'));
  target = {path: join(directory, 'echo.sock')};
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  await once(server.listen(target.path), 'listening');
  stop = () => new Promise((resolve) => server.close(resolve));
});
afterEach(async () => {
  await stop();
  await rm(directory, {recursive: true, force: true});
});

async function dial(address: SocketAddress): Promise<Socket> {
  const socket = connect('path' in address ? address : {...address, host: '127.0.0.1'});
  await once(socket, 'connect');
  return socket;
}

async function echo(socket: Socket, text: string): Promise<string> {
  const answer = once(socket, 'data');
  socket.write(text);
  return String((await answer)[0]);
}

describe('SocketProxy', () => {
  test('passes bytes both ways, from a port or a Unix socket', async () => {
    await using byPort = await SocketProxy.start({target});
    await using byPath = await SocketProxy.start({target, listen: {path: join(directory, 'proxy.sock')}});
    for (const proxy of [byPort, byPath]) {
      const socket = await dial(proxy.address);
      expect(await echo(socket, 'hello')).toBe('hello');
      expect([proxy.accepted, proxy.open]).toEqual([1, 1]);
      const closed = once(socket, 'close');
      socket.end();
      await closed;
    }
  });

  test('cuts what is open and takes new connections', async () => {
    await using proxy = await SocketProxy.start({target});
    const socket = await dial(proxy.address);
    await echo(socket, 'x');
    const broken = once(socket, 'error');
    expect(proxy.cut()).toBe(1);
    expect((await broken)[0]).toMatchObject({code: 'ECONNRESET'});
    const again = await dial(proxy.address);
    await proxy.untilAccepted(2);
    expect(await echo(again, 'y')).toBe('y');
    again.destroy();
  });

  test('refuses connections while it is offline, and comes back at the same place', async () => {
    await using proxy = await SocketProxy.start({target});
    const {address} = proxy;
    await proxy.offline();
    await expect(dial(address)).rejects.toMatchObject({code: 'ECONNREFUSED'});
    await proxy.online();
    expect(proxy.address).toEqual(address);
    const socket = await dial(address);
    expect(await echo(socket, 'z')).toBe('z');
    socket.destroy();
  });
});
