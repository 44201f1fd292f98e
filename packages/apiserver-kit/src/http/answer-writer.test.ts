import {once} from 'node:events';
import {createServer, get, type IncomingMessage, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {text} from 'node:stream/consumers';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {AnswerWriter} from './answer-writer.ts';

let server: Server;
/** What is sent, and how far it was made. */
let parts: () => Iterable<string>;
let sent: PromiseWithResolvers<void>;

beforeEach(async () => {
  sent = Promise.withResolvers();
  server = createServer((_, response) => {
    const writer = new AnswerWriter(response, 'id');
    writer.warn('careful');
    writer.sendParts(200, 'application/json', parts()).then(sent.resolve, sent.reject);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function ask(): Promise<IncomingMessage> {
  const request = get({port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false});
  request.on('error', () => {});
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  return response;
}

test('a short text is sent with its length', async () => {
  parts = () => ['{"items":[', '"ä"', ']}'];
  const response = await ask();
  expect(response.headers).toMatchObject({'content-length': '16', warning: '299 - "careful"'});
  expect(await text(response)).toBe('{"items":["ä"]}');
  await sent.promise;
});

test('a long text is sent as it is made', async () => {
  parts = () => Array.from({length: 20_000}, (_, n) => `${n} ä `);
  const response = await ask();
  expect(response.headers).toMatchObject({'transfer-encoding': 'chunked', warning: '299 - "careful"'});
  expect(response.headers).not.toHaveProperty('content-length');
  expect(await text(response)).toBe([...parts()].join(''));
  await sent.promise;
});

test('nothing is made for a client that does not read, and nothing more for one that is gone', async () => {
  let made = 0;
  let ended = false;
  const part = 'x'.repeat(100_000);
  parts = function* () {
    try {
      for (; made < 10_000; made += 1) yield part;
    } finally {
      ended = true;
    }
  };
  const response = await ask();
  await once(response, 'readable');
  response.destroy();
  await sent.promise;
  // A gigabyte is more than all buffers on the way can hold.
  expect(made).toBeLessThan(10_000);
  expect(ended).toBe(true);
});

test('an error in the middle is one of the caller', async () => {
  parts = function* () {
    yield 'x'.repeat(100_000);
    throw new Error('broken');
  };
  const [, result] = await Promise.all([ask(), Promise.allSettled([sent.promise])]);
  expect(result).toMatchObject([{status: 'rejected', reason: {message: 'broken'}}]);
});
