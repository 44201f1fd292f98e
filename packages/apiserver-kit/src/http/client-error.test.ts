import {once} from 'node:events';
import {createServer} from 'node:http';
import {type AddressInfo, connect} from 'node:net';
import {Duplex} from 'node:stream';
import {text} from 'node:stream/consumers';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {refuseClient} from './client-error.ts';

const server = createServer({maxHeaderSize: 1_024}, (_, response) => response.end('ok'));
let port: number;

beforeAll(async () => {
  server.on('clientError', refuseClient);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({port} = server.address() as AddressInfo);
});
afterAll(() => void server.close());

test.each([
  ['BREW / HTTP/1.1\r\n\r\n', 405],
  ['nonsense\r\n\r\n', 405],
  [`GET / HTTP/1.1\r\nHost: x\r\nx: ${'y'.repeat(4_096)}\r\n\r\n`, 431],
  ['GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n', 400],
])('%.20j is answered with a Status of %i', async (sent, code) => {
  const socket = connect(port, '127.0.0.1');
  socket.write(sent);
  const answer = await text(socket);
  expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${code} `));
  expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n')))).toMatchObject({kind: 'Status', code});
});

test.each(['ERR_TLS_HANDSHAKE_TIMEOUT', 'ERR_SSL_HTTP_REQUEST', 'ECONNRESET', 'EPIPE', undefined])(
  '%s is no error of HTTP, and is not answered',
  (code) => {
    const written: unknown[] = [];
    const socket = new Duplex({
      read() {},
      write(chunk, _, done) {
        written.push(chunk);
        done();
      },
    });
    refuseClient(Object.assign(new Error('no'), code === undefined ? {} : {code}), socket);
    expect(written).toEqual([]);
    expect(socket.destroyed).toBe(true);
  },
);
