import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {Readable} from 'node:stream';
import {buffer} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import type {ArtifactStore} from './artifact-store.ts';
import type {StoreDescription} from './store-program.fixture.ts';

/** A store that is tested, and what only its driver knows. */
export interface StoreUnderTest extends AsyncDisposable {
  store: ArtifactStore;
  /** How another process makes the same store. */
  description: StoreDescription;
  /** A store whose directory or bucket does not exist. */
  missing: ArtifactStore;
  keepsContentType: boolean;
  /** What is in the store and is no object: unfinished uploads. */
  leftovers(): Promise<string[]>;
}

const MiB = 1024 * 1024;
/** More than one part of S3. */
const LARGE = 20 * MiB + 7;
const TIMEOUT_MS = 300_000;
const storeProgram = fileURLToPath(new URL('./store-program.fixture.ts', import.meta.url));

/** What every store does. `setUp` is called once; each test has a prefix of its own. */
export function describeArtifactStore(name: string, setUp: () => Promise<StoreUnderTest>): void {
  // oxlint-disable-next-line jest/valid-title -- each driver has its own
  describe(name, () => {
    let subject: StoreUnderTest;
    let store: ArtifactStore;
    beforeAll(async () => {
      subject = await setUp();
      store = subject.store;
    }, 1_800_000);
    afterAll(async () => {
      await store?.close();
      await subject?.missing.close();
      await subject?.[Symbol.asyncDispose]();
    }, TIMEOUT_MS);

    let last = 0;
    const newPrefix = (): string => `test-${++last}/`;

    async function put(key: string, content: Buffer | string, contentType?: string) {
      const bytes = Buffer.from(content);
      return await store.put(key, Readable.from([bytes]), {sizeBytes: bytes.length, contentType});
    }
    async function read(key: string, offset?: number): Promise<Buffer> {
      const {body} = await store.get(key, {offset});
      return await buffer(body);
    }
    async function keysBelow(prefix: string): Promise<string[]> {
      const keys = [];
      for await (const {key} of store.list(prefix)) keys.push(key);
      return keys.sort();
    }

    test.each([0, 1, 8 * MiB, 8 * MiB + 1, LARGE])(
      'keeps %d bytes',
      async (sizeBytes) => {
        const prefix = newPrefix();
        const content = pattern(sizeBytes);
        const stored = await store.put(`${prefix}a/b.bin`, pieces(content), {sizeBytes, contentType: 'text/x-pattern'});
        const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
        expect(stored).toEqual({key: `${prefix}a/b.bin`, sizeBytes, digest});

        const {body, ...opened} = await store.get(`${prefix}a/b.bin`);
        expect(opened.sizeBytes).toBe(sizeBytes);
        expect(opened.contentType).toBe(subject.keepsContentType ? 'text/x-pattern' : undefined);
        expect((await buffer(body)).equals(content)).toBe(true);
        expect(await subject.leftovers()).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test('replaces an object', async () => {
      const prefix = newPrefix();
      await put(`${prefix}a`, 'the first');
      await put(`${prefix}a`, 'second');
      expect(String(await read(`${prefix}a`))).toBe('second');
      expect(await keysBelow(prefix)).toEqual([`${prefix}a`]);
    });

    test('opens an object from an offset on', async () => {
      const prefix = newPrefix();
      await put(`${prefix}a`, '0123456789');
      expect(String(await read(`${prefix}a`, 7))).toBe('789');
      expect(String(await read(`${prefix}a`, 10))).toBe('');
      const opened = await store.get(`${prefix}a`, {offset: 9});
      opened.body.destroy();
      expect(opened.sizeBytes).toBe(10);
      for (const offset of [11, -1, 0.5, Number.NaN]) {
        await expect(store.get(`${prefix}a`, {offset})).rejects.toMatchObject({code: 'OPTIONS_INVALID'});
      }
    });

    test('does not find what is not there', async () => {
      const prefix = newPrefix();
      await put(`${prefix}a/b`, 'x');
      for (const key of ['b', 'a/c', 'a', 'a/b/c']) {
        await expect(store.get(`${prefix}${key}`)).rejects.toMatchObject({
          code: expect.stringMatching(/^(NOT_FOUND|KEY_INVALID)$/),
          retryable: false,
        });
      }
    });

    test('refuses keys and prefixes that break the rules, and destroys the body', async () => {
      const segment = 'a'.repeat(256);
      const long = Array.from({length: 5}, () => 'a'.repeat(250)).join('/');
      for (const key of [
        '',
        '/',
        '/a',
        'a/',
        'a//b',
        '.',
        '..',
        'a/../b',
        'a/.b',
        'a\0',
        'a\nb',
        '\uD800',
        segment,
        long,
      ]) {
        const body = Readable.from(['x']);
        await expect(store.put(key, body, {sizeBytes: 1})).rejects.toMatchObject({code: 'KEY_INVALID'});
        expect(body.destroyed).toBe(true);
        await expect(store.get(key)).rejects.toMatchObject({code: 'KEY_INVALID'});
      }
      for (const prefix of ['', 'a', '/', '../', 'a//']) {
        await expect(store.deletePrefix(prefix)).rejects.toMatchObject({code: 'KEY_INVALID'});
      }
      for (const prefix of ['a', '/', '../', 'a//']) {
        await expect(store.list(prefix)[Symbol.asyncIterator]().next()).rejects.toMatchObject({code: 'KEY_INVALID'});
      }
    });

    test(
      'keeps any key that follows the rules',
      async () => {
        const segment = fc
          .string({unit: 'binary', minLength: 1, maxLength: 20})
          .filter((text) => text.isWellFormed() && !/[/\p{Cc}]/u.test(text) && !text.startsWith('.'));
        const keys = fc.array(segment, {minLength: 1, maxLength: 4}).map((segments) => segments.join('/'));
        await fc.assert(
          fc.asyncProperty(keys, fc.uint8Array({maxLength: 50}), async (key, content) => {
            const prefix = newPrefix();
            await put(prefix + key, Buffer.from(content));
            expect(await keysBelow(prefix)).toEqual([prefix + key]);
            expect((await read(prefix + key)).equals(content)).toBe(true);
            expect(await store.deletePrefix(prefix)).toBe(1);
            expect(await keysBelow(prefix)).toEqual([]);
          }),
          {numRuns: 25},
        );
      },
      TIMEOUT_MS,
    );

    test.each([
      ['a small', 100],
      ['a large', LARGE],
    ])(
      'stores nothing when %s body is not what was said, and keeps what was there',
      async (_, sizeBytes) => {
        const prefix = newPrefix();
        const content = pattern(sizeBytes);
        await put(`${prefix}a`, 'earlier');
        const bodies = {
          short: () => pieces(content.subarray(1)),
          long: () => pieces(Buffer.concat([content, Buffer.from('x')])),
          broken: () => Readable.from(brokenAfter(content.subarray(1))),
          objects: () => Readable.from([{not: 'bytes'}]),
        };
        for (const body of Object.values(bodies)) {
          const stream = body();
          await expect(store.put(`${prefix}a`, stream, {sizeBytes})).rejects.toMatchObject({
            code: 'SOURCE_FAILED',
            retryable: false,
          });
          expect(stream.destroyed).toBe(true);
        }
        expect(String(await read(`${prefix}a`))).toBe('earlier');
        expect(await subject.leftovers()).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test('refuses sizes that are none', async () => {
      for (const sizeBytes of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        const stored = store.put('a', Readable.from(['x']), {sizeBytes});
        await expect(stored).rejects.toMatchObject({code: 'OPTIONS_INVALID'});
      }
    });

    test.each([
      ['before it began', 0],
      ['while a small body is silent', 50],
      ['while a large body is silent', LARGE - 1],
    ])(
      'stores nothing when it is aborted %s',
      async (_, bytesBefore) => {
        const prefix = newPrefix();
        const controller = new AbortController();
        if (bytesBefore === 0) controller.abort();
        const body = Readable.from(
          silentAfter(pattern(bytesBefore), () => controller.abort(new Error('no longer wanted'))),
        );
        await expect(
          store.put(`${prefix}a`, body, {sizeBytes: bytesBefore + 1, signal: controller.signal}),
        ).rejects.toMatchObject({code: 'ABORTED', retryable: false});
        expect(body.destroyed).toBe(true);
        expect(await keysBelow(prefix)).toEqual([]);
        expect(await subject.leftovers()).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test(
      'an abort ends what is being read',
      async () => {
        const prefix = newPrefix();
        await put(`${prefix}a`, pattern(LARGE));
        const controller = new AbortController();
        const {body} = await store.get(`${prefix}a`, {signal: controller.signal});
        const reading = (async () => {
          for await (const _ of body) controller.abort();
        })();
        await expect(reading).rejects.toMatchObject({code: 'ABORTED'});
        await expect(store.get(`${prefix}a`, {signal: controller.signal})).rejects.toMatchObject({code: 'ABORTED'});
        await expect(store.deletePrefix(prefix, {signal: controller.signal})).rejects.toMatchObject({code: 'ABORTED'});
      },
      TIMEOUT_MS,
    );

    test(
      'a body that is not read can be destroyed',
      async () => {
        const prefix = newPrefix();
        await put(`${prefix}a`, pattern(LARGE));
        const {body} = await store.get(`${prefix}a`);
        const closed = once(body, 'close');
        body.destroy();
        await closed;
        expect((await read(`${prefix}a`)).length).toBe(LARGE);
      },
      TIMEOUT_MS,
    );

    test('lists and deletes what is below a prefix, and nothing else', async () => {
      const prefix = newPrefix();
      const below = ['1/a', '1/b c', '1/d/e/f', '1/ü'].map((key) => prefix + key);
      const beside = ['10/a', '2', 'x/1/a'].map((key) => prefix + key);
      for (const key of [...below, ...beside]) await put(key, key);
      expect(await keysBelow(`${prefix}1/`)).toEqual(below.toSorted());
      expect(await keysBelow(prefix)).toEqual([...below, ...beside].toSorted());
      expect(await keysBelow('')).toEqual(expect.arrayContaining(below));
      for await (const {key, sizeBytes} of store.list(prefix)) expect(sizeBytes).toBe(Buffer.byteLength(key));

      expect(await store.deletePrefix(`${prefix}1/`)).toBe(below.length);
      expect(await store.deletePrefix(`${prefix}1/`)).toBe(0);
      expect(await store.deletePrefix(`${prefix}2/`)).toBe(0);
      expect(await keysBelow(prefix)).toEqual(beside.toSorted());
    });

    test(
      'a store that is not there has nothing to delete',
      async () => {
        const {missing} = subject;
        expect(await missing.deletePrefix('a/')).toBe(0);
        await expect(missing.get('a')).rejects.toMatchObject({code: 'NOT_FOUND'});
        for (const sizeBytes of [1, LARGE]) {
          const body = pieces(pattern(sizeBytes));
          await expect(missing.put('a', body, {sizeBytes})).rejects.toMatchObject({code: 'NOT_FOUND'});
          expect(body.destroyed).toBe(true);
        }
        await expect(missing.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({code: 'NOT_FOUND'});
      },
      TIMEOUT_MS,
    );

    test(
      'what is stored while its prefix is deleted is whole or gone',
      async () => {
        const prefix = newPrefix();
        const keys = Array.from({length: 20}, (_, index) => `${prefix}d${index % 3}/${index}`);
        const puts = keys.map((key) => put(key, pattern(1000)));
        const deletions = [1, 2, 3].map(() => store.deletePrefix(prefix));
        await Promise.all([...puts, ...deletions]);
        for (const key of await keysBelow(prefix)) expect((await read(key)).equals(pattern(1000))).toBe(true);
        await store.deletePrefix(prefix);
        expect(await keysBelow(prefix)).toEqual([]);
        expect(await subject.leftovers()).toEqual([]);
      },
      TIMEOUT_MS,
    );

    test(
      'deletePrefix removes what a killed process has left of an upload',
      async () => {
        const prefix = newPrefix();
        const request = {
          description: subject.description,
          key: `${prefix}1/a`,
          sizeBytes: 64 * MiB,
          silentAfter: 40 * MiB,
        };
        const child = spawn(process.execPath, ['--conditions=development', storeProgram, JSON.stringify(request)], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        const exited = once(child, 'exit');
        const [line] = await Promise.race([
          once(child.stdout, 'data'),
          exited.then(([code]) => {
            throw new Error(`the program ended with ${code}`);
          }),
        ]);
        expect(String(line)).toContain('silent');
        child.kill('SIGKILL');
        await exited;

        expect(await keysBelow(prefix)).toEqual([]);
        expect(await subject.leftovers()).toHaveLength(1);
        expect(await store.deletePrefix(`${prefix}10/`)).toBe(0);
        expect(await subject.leftovers()).toHaveLength(1);
        expect(await store.deletePrefix(`${prefix}1/`)).toBe(0);
        expect(await subject.leftovers()).toEqual([]);
      },
      TIMEOUT_MS,
    );
  });
}

/** Bytes that are nowhere the same. */
export function pattern(sizeBytes: number): Buffer {
  const content = Buffer.alloc(sizeBytes);
  for (let offset = 0; offset + 4 <= sizeBytes; offset += 4) content.writeUInt32LE(offset ^ 0x5f5f5f5f, offset);
  return content;
}

/** In pieces that have nothing to do with those of a store. */
function pieces(content: Buffer): Readable {
  const chunks = [];
  for (let offset = 0; offset < content.length; offset += 100_003) {
    chunks.push(content.subarray(offset, offset + 100_003));
  }
  return Readable.from(chunks);
}

async function* brokenAfter(content: Buffer): AsyncGenerator<Buffer> {
  yield content;
  throw new Error('the disk is broken');
}

/** Calls back when more is wanted, and says nothing any more. */
async function* silentAfter(content: Buffer, onSilence: () => void): AsyncGenerator<Buffer> {
  yield content;
  onSilence();
  await new Promise(() => {});
}
