import {once} from 'node:events';
import {createServer} from 'node:net';
import {expect, test} from '@jest/globals';
import {bindToPod, connectPodPort} from './pod-port.ts';

test.each([
  ['--download-bind-address=127.0.0.1:19095', '--download-bind-address=127.77.1.2:19095'],
  ['--bind-address=127.0.0.1:80', '--bind-address=127.77.1.2:80'],
  ['--bind-address=:80', '--bind-address=:80'],
  ['--runtime-endpoint=127.0.0.1:80', '--runtime-endpoint=127.0.0.1:80'],
  ['--store={"endpoint":"http://127.0.0.1:9000"}', '--store={"endpoint":"http://127.0.0.1:9000"}'],
  ['127.0.0.1:80', '127.0.0.1:80'],
])('%s becomes %s', (argument, expected) => {
  expect(bindToPod(argument, '127.77.1.2')).toBe(expected);
});

test('connects to a port of that address alone', async () => {
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.77.250.1');
  await once(server, 'listening');
  const {port} = server.address() as {port: number};
  try {
    const socket = await connectPodPort('127.77.250.1', port);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toBe('hello');
    socket.destroy();
    await expect(connectPodPort('127.77.250.2', port)).rejects.toThrow('ECONNREFUSED');
  } finally {
    server.close();
  }
});
