import {createHash, randomBytes} from 'node:crypto';
import {mkdtemp, rm} from 'node:fs/promises';
import {type IncomingHttpHeaders, request} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {buffer} from 'node:stream/consumers';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type ArtifactStore, ArtifactStoreError, createFilesystemStore} from '@kruntimes/artifact-store';
import {Metrics, silentLogger} from '@kruntimes/reconciler-kit';
import {DownloadServer} from './download-server.ts';
import {MaintainerError} from './errors.ts';
import type {StoredArtifact} from './stored-artifacts.ts';

const content = randomBytes(100_000);
const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
const uid = '0b3d6f1a-0000-4000-8000-000000000001';
const key = `team/${uid}/1/a b.txt`;

let directory: string;
let store: ArtifactStore;
let server: DownloadServer;
let found: (name: string, attempt: number | undefined) => StoredArtifact;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'downloads-'));
  store = createFilesystemStore({directory});
  await store.put(key, Readable.from(content), {sizeBytes: content.length});
  found = (name, attempt) => {
    if (name !== 'a b.txt') throw new MaintainerError('ARTIFACT_UNKNOWN', `no ${name}`);
    if (attempt !== undefined) return {key: `team/${uid}/${attempt}/${name}`};
    return {key, sizeBytes: content.length, digest, mediaType: 'text/plain'};
  };
  server = new DownloadServer({
    bindAddress: '127.0.0.1:0',
    artifacts: {find: async (_uid, name, attempt) => found(name, attempt)},
    store: {get: (...args) => store.get(...args)},
    logger: silentLogger,
    metrics: new Metrics({processMetrics: false}),
  });
  await server.start();
});

afterEach(async () => {
  await server.stop();
  await rm(directory, {recursive: true, force: true});
});

interface Answer {
  status: number | undefined;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

async function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const {promise, resolve, reject} = Promise.withResolvers<Answer>();
  const asked = request({host: '127.0.0.1', port: server.port, path, method, headers, agent: false}, (answer) => {
    buffer(answer).then((body) => resolve({status: answer.statusCode, headers: answer.headers, body}), reject);
  });
  asked.on('error', reject).end();
  return await promise;
}

const path = `/v1/runs/${uid}/artifacts/a%20b.txt`;

describe('a download', () => {
  test('is the whole artifact, with its length, type and digest', async () => {
    const {status, headers, body} = await ask(path);
    expect({status, headers}).toMatchObject({
      status: 200,
      headers: {
        'content-length': '100000',
        'content-type': 'text/plain',
        'accept-ranges': 'bytes',
        etag: `"${digest}"`,
      },
    });
    expect(body.equals(content)).toBe(true);
  });

  test.each([
    ['bytes=99000-', 99_000, 100_000],
    ['bytes=10-19', 10, 20],
    ['bytes=-5', 99_995, 100_000],
  ])('of %s is that part', async (range, from, to) => {
    const {status, headers, body} = await ask(path, {range});
    expect({status, range: headers['content-range'], length: headers['content-length']}).toEqual({
      status: 206,
      range: `bytes ${from}-${to - 1}/100000`,
      length: String(to - from),
    });
    expect(body.equals(content.subarray(from, to))).toBe(true);
  });

  test('goes on only with the same artifact', async () => {
    const same = await ask(path, {range: 'bytes=5-', 'if-range': `"${digest}"`});
    expect(same.status).toBe(206);
    const other = await ask(path, {range: 'bytes=5-', 'if-range': '"sha256:00"'});
    expect([other.status, other.body.length]).toEqual([200, 100_000]);
    const known = await ask(path, {'if-none-match': `"${digest}"`});
    expect([known.status, known.body.length]).toEqual([304, 0]);
  });

  test('HEAD tells the same without a body', async () => {
    const {status, headers, body} = await ask(path, {range: 'bytes=10-19'}, 'HEAD');
    expect([status, headers['content-length'], body.length]).toEqual([206, '10', 0]);
  });

  test('of an earlier attempt asks the store for what is not in the status', async () => {
    const whole = await ask(`${path}?attempt=1`);
    expect([whole.status, whole.headers.etag, whole.body.length]).toEqual([200, undefined, 100_000]);
    const part = await ask(`${path}?attempt=1`, {range: 'bytes=-7'});
    expect([part.status, part.headers['content-range']]).toEqual([206, 'bytes 99993-99999/100000']);
    expect((await ask(`${path}?attempt=2`)).status).toBe(404);
  });

  test('of an empty artifact is empty', async () => {
    await store.put('team/x/1/empty', Readable.from([]), {sizeBytes: 0});
    found = () => ({key: 'team/x/1/empty', sizeBytes: 0});
    const {status, headers, body} = await ask(path);
    expect([status, headers['content-length'], body.length]).toEqual([200, '0', 0]);
  });
});

describe('an error', () => {
  const failing = async (failure: Error): Promise<unknown> => {
    store = {
      ...store,
      get: async () => {
        throw failure;
      },
    };
    const {status, body} = await ask(path);
    return {status, ...JSON.parse(body.toString())};
  };

  test.each([
    ['/v1/runs/x/artifacts/a%20b.txt', 404, 'REQUEST_INVALID'],
    [`/v1/runs/${uid}/artifacts/%FF`, 404, 'REQUEST_INVALID'],
    [`/v1/runs/${uid}/artifacts/a%20b.txt?attempt=0`, 404, 'REQUEST_INVALID'],
    [`/v1/runs/${uid}/artifacts/other`, 404, 'ARTIFACT_UNKNOWN'],
    [`/v1/runs/${uid}/artifacts/a/b`, 404, 'REQUEST_INVALID'],
    ['/', 404, 'REQUEST_INVALID'],
  ])('of %s is %d %s', async (target, status, code) => {
    const answer = await ask(target);
    expect({status: answer.status, ...JSON.parse(answer.body.toString())}).toMatchObject({status, code});
  });

  test('of a range behind the end tells the size', async () => {
    const {status, headers, body} = await ask(path, {range: 'bytes=100000-'});
    expect([status, headers['content-range'], JSON.parse(body.toString()).code]).toEqual([
      416,
      'bytes */100000',
      'RANGE_INVALID',
    ]);
  });

  test('of another method names those that there are', async () => {
    const {status, headers} = await ask(path, {}, 'DELETE');
    expect([status, headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  test('of the store is 503 with its code, or 404 for what is not there', async () => {
    expect(await failing(new ArtifactStoreError('UNAVAILABLE', 'away'))).toEqual({
      status: 503,
      code: 'UNAVAILABLE',
      message: 'away',
    });
    expect(await failing(new ArtifactStoreError('CREDENTIALS_MISSING', 'no keys'))).toMatchObject({
      status: 503,
      code: 'CREDENTIALS_MISSING',
    });
    expect(await failing(new ArtifactStoreError('NOT_FOUND', 'gone'))).toMatchObject({status: 404, code: 'NOT_FOUND'});
  });

  test('is an artifact that is not what the Run says', async () => {
    found = () => ({key, sizeBytes: 5, digest});
    const {status, body} = await ask(path);
    expect([status, JSON.parse(body.toString()).code]).toEqual([503, 'ARTIFACT_CHANGED']);
  });

  test('in the middle breaks the connection, so that nobody takes a part for the whole', async () => {
    const body = Readable.from(
      (async function* () {
        yield content.subarray(0, 1000);
        throw new ArtifactStoreError('UNAVAILABLE', 'away');
      })(),
    );
    store = {...store, get: async () => ({body, sizeBytes: content.length})};
    await expect(ask(path)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  });
});

test('a reader that goes away closes what was opened for it', async () => {
  const {promise: closed, resolve} = Promise.withResolvers<void>();
  const body = new Readable({
    read() {
      this.push(Buffer.alloc(16_384));
    },
    destroy(_error, callback) {
      resolve();
      callback(null);
    },
  });
  store = {...store, get: async () => ({body, sizeBytes: 1 << 30})};
  found = () => ({key, sizeBytes: 1 << 30});
  const asked = request({host: '127.0.0.1', port: server.port, path, agent: false}, (answer) => {
    answer.once('data', () => asked.destroy());
  });
  asked.on('error', () => {}).end();
  await closed;
  expect(body.destroyed).toBe(true);
});

test('an address that is taken is told', async () => {
  const second = new DownloadServer({
    bindAddress: `127.0.0.1:${server.port}`,
    artifacts: {find: async () => ({key})},
    store,
    logger: silentLogger,
    metrics: new Metrics({processMetrics: false}),
  });
  await expect(second.start()).rejects.toMatchObject({code: 'LISTEN_FAILED'});
});
