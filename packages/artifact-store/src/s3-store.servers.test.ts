import {createServer as createHttpServer} from 'node:http';
import {type AddressInfo} from 'node:net';
import {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {describeArtifactStore} from './artifact-store.fixture.ts';
import type {ArtifactStore} from './artifact-store.ts';
import type {S3Credentials} from './s3-connection.ts';
import {createS3Store, S3Store} from './s3-store.ts';
import {type S3Server, startS3Server} from './testing/index.ts';

const goModule = fileURLToPath(new URL('../../../tools/s3', import.meta.url));
const TIMEOUT_MS = 300_000;

describeArtifactStore('S3 store', async () => {
  const server = await startS3Server({goModule});
  await server.createBucket('artifacts');
  const {endpoint, region, credentials} = server;
  const common = {endpoint, region, prefix: 'below/here'};
  return {
    store: createS3Store({...common, bucket: 'artifacts', credentials: async () => credentials}),
    description: {$case: 's3', bucket: 'artifacts', ...common, credentials},
    missing: createS3Store({...common, bucket: 'missing', credentials: async () => credentials}),
    keepsContentType: true,
    leftovers: () => server.listUploads('artifacts'),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
});

describe('an S3 store and its server', () => {
  let server: S3Server;
  let credentials: () => Promise<S3Credentials>;
  let store: ArtifactStore;
  beforeAll(async () => {
    server = await startS3Server({goModule});
    await server.createBucket('artifacts');
    credentials = async () => server.credentials;
    store = createS3Store({
      bucket: 'artifacts',
      endpoint: server.endpoint,
      region: server.region,
      credentials: () => credentials(),
    });
  }, 1_800_000);
  afterAll(async () => {
    await store?.close();
    await server?.[Symbol.asyncDispose]();
  }, TIMEOUT_MS);

  const put = (key: string) => store.put(key, Readable.from(['content']), {sizeBytes: 7});

  test('the prefix is part of no key, and keeps stores of one bucket apart', async () => {
    const {endpoint, region} = server;
    const one = createS3Store({bucket: 'artifacts', prefix: 'one/', endpoint, region, credentials});
    await one.put('a/b', Readable.from(['content']), {sizeBytes: 7});
    const keys = [];
    for await (const {key} of one.list('')) keys.push(key);
    expect(keys).toEqual(['a/b']);
    expect(await text((await store.get('one/a/b')).body)).toBe('content');
    expect(await store.deletePrefix('a/')).toBe(0);
    expect(await one.deletePrefix('a/')).toBe(1);
    await one.close();
  });

  test(
    'lists and deletes more objects and uploads than a page has',
    async () => {
      const {endpoint, region} = server;
      const paged = new S3Store({bucket: 'artifacts', endpoint, region, credentials}, {pageSize: 3});
      const keys = Array.from({length: 10}, (_, index) => `many/${index}`);
      for (const key of keys) await put(key);
      for (let upload = 0; upload < 7; upload++) await server.beginUpload('artifacts', `many/${upload % 3}`);
      const listed = [];
      for await (const {key} of paged.list('many/')) listed.push(key);
      expect(listed.toSorted()).toEqual(keys);
      expect(await server.listUploads('artifacts')).toHaveLength(7);
      expect(await paged.deletePrefix('many/')).toBe(keys.length);
      expect(await paged.deletePrefix('many/')).toBe(0);
      expect(await server.listUploads('artifacts')).toEqual([]);
      await paged.close();
    },
    TIMEOUT_MS,
  );

  test('credentials are read for every request', async () => {
    await put('credentials/a');
    const right = credentials;
    credentials = async () => ({accessKeyId: 'nobody', secretAccessKey: 'nothing'});
    await expect(put('credentials/b')).rejects.toMatchObject({code: 'ACCESS_DENIED', retryable: false});
    credentials = async () => ({...server.credentials, secretAccessKey: 'wrong'});
    await expect(store.get('credentials/a')).rejects.toMatchObject({code: 'ACCESS_DENIED'});
    credentials = async () => ({accessKeyId: '', secretAccessKey: ''});
    await expect(put('credentials/b')).rejects.toMatchObject({code: 'CREDENTIALS_MISSING', retryable: false});
    credentials = async () => {
      throw Object.assign(new Error('no such file'), {code: 'ENOENT'});
    };
    await expect(store.deletePrefix('credentials/')).rejects.toMatchObject({
      code: 'CREDENTIALS_MISSING',
      message: expect.stringContaining('no such file'),
    });
    credentials = right;
    expect(await store.deletePrefix('credentials/')).toBe(1);
  });

  test(
    'a server that is away is UNAVAILABLE, and there again when it is',
    async () => {
      await put('restart/a');
      await server.stop();
      const calls = [() => put('restart/b'), () => store.get('restart/a'), () => store.deletePrefix('restart/')];
      for (const call of calls) {
        await expect(call()).rejects.toMatchObject({
          code: 'UNAVAILABLE',
          retryable: true,
          message: expect.stringContaining('ECONNREFUSED'),
        });
      }
      await server.start();
      expect(await text((await store.get('restart/a')).body)).toBe('content');
    },
    TIMEOUT_MS,
  );

  test(
    'a server that dies in the middle of an upload makes it fail, and deletePrefix removes the rest',
    async () => {
      const chunk = Buffer.alloc(1024 * 1024);
      async function* body(): AsyncGenerator<Buffer> {
        for (let sent = 0; sent < 64; sent++) {
          // With two parts under way and one being filled, the first has been stored by now.
          if (sent === 40) await server.stop();
          yield chunk;
        }
      }
      await expect(store.put('cut/a', Readable.from(body()), {sizeBytes: 64 * chunk.length})).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringContaining('could not be removed'),
      });
      await server.start();
      expect(await server.listUploads('artifacts')).toEqual(['cut/a']);
      expect(await store.deletePrefix('cut/')).toBe(0);
      expect(await server.listUploads('artifacts')).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('answers of servers', () => {
  /** A server that gives one answer to everything. */
  async function storeOf(status: number, body: string) {
    const server = createHttpServer((request, response) => {
      request.resume().on('end', () => {
        response.writeHead(status, {'content-type': 'application/xml'}).end(body);
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const {port} = server.address() as AddressInfo;
    const store = createS3Store({
      bucket: 'artifacts',
      endpoint: `http://127.0.0.1:${port}`,
      credentials: async () => ({accessKeyId: 'a', secretAccessKey: 'b'}),
    });
    return {
      store,
      [Symbol.asyncDispose]: async () => {
        await store.close();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  test.each([
    [403, 'AccessDenied', 'ACCESS_DENIED'],
    [403, 'QuotaExceeded', 'STORE_FULL'],
    [507, 'InsufficientStorage', 'STORE_FULL'],
    [400, 'EntityTooLarge', 'TOO_LARGE'],
    [404, 'NoSuchBucket', 'NOT_FOUND'],
    [503, 'SlowDown', 'UNAVAILABLE'],
    [500, 'InternalError', 'UNAVAILABLE'],
    [400, 'InvalidArgument', 'STORE_FAILED'],
  ])(
    '%d %s is %s',
    async (status, name, code) => {
      await using answer = await storeOf(
        status,
        `<Error><Code>${name}</Code><Message>says the server</Message></Error>`,
      );
      await expect(answer.store.put('a', Readable.from(['x']), {sizeBytes: 1})).rejects.toMatchObject({
        code,
        retryable: code === 'UNAVAILABLE',
        message: expect.stringContaining(name),
      });
    },
    TIMEOUT_MS,
  );

  test('the wrong region is told by what it looks like', async () => {
    await using answer = await storeOf(301, '<Error><Code>PermanentRedirect</Code></Error>');
    await expect(answer.store.get('a')).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringContaining('another region'),
    });
  });

  test(
    'what is no XML is an error too',
    async () => {
      await using answer = await storeOf(502, '<html>bad gateway');
      await expect(answer.store.deletePrefix('a/')).rejects.toMatchObject({code: 'UNAVAILABLE'});
    },
    TIMEOUT_MS,
  );
});

test('options are checked', () => {
  expect(() => createS3Store({bucket: 'a', prefix: '', endpoint: '', region: ''})).not.toThrow();
  expect(() => createS3Store({bucket: ''})).toThrow(expect.objectContaining({code: 'OPTIONS_INVALID'}));
  expect(() => createS3Store({bucket: 'a', endpoint: 'localhost:9000'})).toThrow(
    expect.objectContaining({code: 'OPTIONS_INVALID'}),
  );
});

test('an object of more than 640 GB is refused before a byte is sent', async () => {
  const store = createS3Store({bucket: 'a', endpoint: 'http://127.0.0.1:1'});
  const body = Readable.from(['x']);
  await expect(store.put('a', body, {sizeBytes: 700e9})).rejects.toMatchObject({code: 'TOO_LARGE'});
  expect(body.destroyed).toBe(true);
});
