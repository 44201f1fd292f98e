import {spawn, spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {
  appendFile,
  chmod,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {buffer, text} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import {gunzipSync} from 'node:zlib';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {unpackTar} from 'modern-tar';
import {type CollectedArtifacts, type CollectOptions, collectArtifacts} from './collect-artifacts.ts';
import {OpenDirectory} from './open-directory.ts';
import {look, pin} from './regular-file.ts';

const TIMEOUT_MS = 120_000;
let root: string;
let directory: string;
let spoolDirectory: string;
let secret: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'collect-'));
  directory = join(root, 'artifacts');
  spoolDirectory = join(root, 'spool');
  secret = join(root, 'secret');
  await mkdir(directory);
  await mkdir(spoolDirectory);
  await mkdir(secret);
  await writeFile(join(secret, 'token'), 'the secret token');
});
afterEach(async () => {
  // Archives have no name, not even while they are written.
  expect(await readdir(spoolDirectory)).toEqual([]);
  await rm(root, {recursive: true});
});

const at = (...path: string[]): string => join(directory, ...path);

function collect(options: Partial<CollectOptions> = {}): Promise<CollectedArtifacts> {
  return collectArtifacts({directory, spoolDirectory, ...options});
}

async function contentOf(collected: CollectedArtifacts, name: string): Promise<Buffer> {
  const item = collected.items.find((candidate) => candidate.name === name);
  if (item === undefined) throw new Error(`there is no ${name}`);
  return await buffer(item.open());
}

/** Paths of an archive with their contents, in its order. */
async function unpack(archive: Buffer): Promise<Record<string, string>> {
  const entries = await unpackTar(new Uint8Array(gunzipSync(archive)));
  return Object.fromEntries(entries.map(({header, data}) => [header.name, data ? Buffer.from(data).toString() : '']));
}

function rejections(collected: CollectedArtifacts): [string, string][] {
  return collected.rejected.map(({name, code}) => [name, code]);
}

describe('what is collected', () => {
  test('files by their names, directories as archives', async () => {
    await writeFile(at('b.json'), '{}');
    await writeFile(at('a'), 'aaa');
    await mkdir(at('tree', 'empty'), {recursive: true});
    await writeFile(at('tree', 'é.txt'), 'content');
    await writeFile(at('tree', '.hidden'), '');
    await using collected = await collect();
    expect(collected.rejected).toEqual([]);
    const [a, b, tree] = collected.items;
    expect(a).toMatchObject({name: 'a', sizeBytes: 3, contentType: 'application/octet-stream'});
    expect(b).toMatchObject({name: 'b.json', sizeBytes: 2, contentType: 'application/json'});
    expect(tree).toMatchObject({name: 'tree.tar.gz', contentType: 'application/gzip'});
    expect(collected.totalBytes).toBe(5 + tree!.sizeBytes);
    const archive = await contentOf(collected, 'tree.tar.gz');
    expect(archive.length).toBe(tree!.sizeBytes);
    expect(Object.entries(await unpack(archive))).toEqual([
      ['tree/', ''],
      ['tree/.hidden', ''],
      ['tree/empty/', ''],
      ['tree/é.txt', 'content'],
    ]);
    // Any number of times.
    expect(String(await contentOf(collected, 'a'))).toBe('aaa');
    expect(String(await contentOf(collected, 'a'))).toBe('aaa');
    expect((await contentOf(collected, 'tree.tar.gz')).equals(archive)).toBe(true);
  });

  test('nothing of an empty directory', async () => {
    await using collected = await collect();
    expect({items: collected.items, rejected: collected.rejected, totalBytes: collected.totalBytes}).toEqual({
      items: [],
      rejected: [],
      totalBytes: 0,
    });
  });

  test('long paths and large files of archives', async () => {
    const name = 'n'.repeat(200);
    await mkdir(at('tree', name, name), {recursive: true});
    await writeFile(at('tree', name, name, name), 'deep');
    const large = Buffer.alloc(20_000_001, 'large');
    await writeFile(at('tree', 'large'), large);
    await using collected = await collect();
    const files = await unpack(await contentOf(collected, 'tree.tar.gz'));
    expect(files[`tree/${name}/${name}/${name}`]).toBe('deep');
    expect(files['tree/large']).toBe(large.toString());
  });

  test('a path below /proc/self/fd can be given', async () => {
    await writeFile(at('a'), 'aaa');
    await using open = await OpenDirectory.open(root);
    await using collected = await collect({directory: open.path('artifacts')});
    expect(String(await contentOf(collected, 'a'))).toBe('aaa');
  });

  test('no descriptor stays open', async () => {
    await mkdir(at('tree', 'deep'), {recursive: true});
    await symlink(secret, at('tree', 'deep', 'link'));
    await writeFile(at('a'), 'aaa');
    for (let round = 0; round < 3; round++) {
      await using collected = await collect();
      for (const {open} of collected.items) await buffer(open());
      const unread = collected.items[0]!.open();
      const closed = once(unread, 'close');
      unread.destroy();
      await closed;
    }
    await expect(collect({maxEntries: 1})).rejects.toMatchObject({code: 'TOO_LARGE'});
    const targets = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    expect(targets.filter((target) => target.startsWith(root))).toEqual([]);
  });
});

describe('archives', () => {
  const fileName = fc
    .string({unit: 'binary', minLength: 1, maxLength: 8})
    .filter((name) => name.isWellFormed() && !/[/\p{Cc}]/u.test(name) && name !== '.' && name !== '..');
  const tree = fc.dictionary(
    fc.array(fileName, {minLength: 1, maxLength: 3}).map((segments) => segments.join('/')),
    fc.record({
      content: fc.uint8Array({maxLength: 3000}),
      executable: fc.boolean(),
      mtime: fc.integer({min: 0, max: 2e9}),
    }),
    {maxKeys: 8, noNullPrototype: true},
  );

  /** Writes what can be written: a path that is the directory of another one cannot. */
  async function make(path: string, files: [string, {content: Uint8Array; executable: boolean; mtime: number}][]) {
    await mkdir(path);
    for (const [name, {content, executable, mtime}] of files) {
      await mkdir(dirname(join(path, name)), {recursive: true});
      await writeFile(join(path, name), content);
      await chmod(join(path, name), executable ? 0o711 : 0o600);
      await utimes(join(path, name), mtime, mtime);
    }
  }

  test(
    'have the same bytes for the same content, whoever wrote it, when and in which order',
    async () => {
      await fc.assert(
        fc.asyncProperty(tree, fc.integer({min: 0, max: 2e9}), async (files, later) => {
          const paths = Object.keys(files);
          const entries = Object.entries(files).filter(
            ([path]) => !paths.some((other) => other.startsWith(`${path}/`)),
          );
          await make(at('tree'), entries);
          await using first = await collect();
          const one = await contentOf(first, 'tree.tar.gz');
          await rm(at('tree'), {recursive: true});
          await make(
            at('tree'),
            entries.toReversed().map(([path, file]) => [path, {...file, mtime: later}]),
          );
          await using second = await collect();
          const other = await contentOf(second, 'tree.tar.gz');
          await rm(at('tree'), {recursive: true});
          expect(other.equals(one)).toBe(true);
          // The header of gzip has no time and no name.
          expect(one.subarray(0, 9)).toEqual(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0]));
          const unpacked = await unpackTar(new Uint8Array(gunzipSync(one)));
          for (const {header} of unpacked) {
            expect(header).toMatchObject({uid: 0, gid: 0, mtime: new Date(0), mode: expect.any(Number)});
            expect([0o644, 0o755]).toContain(header.mode);
          }
          const byName = new Map(unpacked.map(({header, data}) => [header.name, {mode: header.mode, data}]));
          for (const [path, {content, executable}] of entries) {
            expect(byName.get(`tree/${path}`)?.mode).toBe(executable ? 0o755 : 0o644);
            expect(Buffer.from(byName.get(`tree/${path}`)?.data ?? []).equals(content)).toBe(true);
          }
        }),
        {numRuns: 30},
      );
    },
    TIMEOUT_MS,
  );
});

describe('hostile content', () => {
  test('is rejected, not followed and not opened', async () => {
    await symlink(join(secret, 'token'), at('link'));
    await symlink(secret, at('link-to-directory'));
    await symlink('/dev/zero', at('link-to-device'));
    await symlink('nowhere', at('dangling'));
    for (const fifo of ['fifo', 'tree/fifo']) {
      await mkdir(dirname(at(fifo)), {recursive: true});
      expect(spawnSync('mkfifo', [at(fifo)]).status).toBe(0);
    }
    await symlink(join(secret, 'token'), at('tree', 'link'));
    await symlink(secret, at('tree', 'link-to-directory'));
    await symlink('.', at('tree', 'loop'));
    await writeFile(at('tree', 'good'), 'good');
    const socket = createServer().listen(at('socket'));
    await once(socket, 'listening');
    await using collected = await collect();
    socket.close();

    expect(rejections(collected)).toEqual([
      ['dangling', 'NOT_A_FILE'],
      ['fifo', 'NOT_A_FILE'],
      ['link', 'NOT_A_FILE'],
      ['link-to-device', 'NOT_A_FILE'],
      ['link-to-directory', 'NOT_A_FILE'],
      ['socket', 'NOT_A_FILE'],
      ['tree/fifo', 'NOT_A_FILE'],
      ['tree/link', 'NOT_A_FILE'],
      ['tree/link-to-directory', 'NOT_A_FILE'],
      ['tree/loop', 'NOT_A_FILE'],
    ]);
    expect(collected.rejected.map(({reason}) => reason)).toEqual(
      expect.arrayContaining(['a symbolic link', 'a FIFO', 'a socket']),
    );
    expect(await unpack(await contentOf(collected, 'tree.tar.gz'))).toEqual({'tree/': '', 'tree/good': 'good'});
    expect(collected.items).toHaveLength(1);
  });

  test('devices are no files', async () => {
    await using dev = await OpenDirectory.open('/dev');
    await using pinned = await pin(dev, Buffer.from('null'));
    await expect(look(pinned)).rejects.toMatchObject({code: 'NOT_A_FILE', message: 'a device'});
  });

  test('names that are none', async () => {
    const bytes = (name: string): Buffer => Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
    await writeFile(bytes('\xff\xfe'), 'x');
    await writeFile(at('new\nline'), 'x');
    await writeFile(at('escape\u001b[31m'), 'x');
    await writeFile(at('.hidden'), 'x');
    await mkdir(at('d'.repeat(249)));
    await mkdir(at('d'.repeat(248)));
    await writeFile(at('f'.repeat(255)), 'x');
    await writeFile(at('logs'), 'x');
    await mkdir(at('twice'));
    await writeFile(at('twice.tar.gz'), 'x');
    await mkdir(at('tree'));
    await writeFile(at('tree', 'new\nline'), 'x');
    await writeFile(bytes('tree/\xff'), 'x');
    await using collected = await collect({reservedNames: ['logs']});
    expect(rejections(collected).toSorted()).toEqual(
      [
        ['.hidden', 'NAME_INVALID'],
        ['\\xff\\xfe', 'NAME_INVALID'],
        ['d'.repeat(249), 'NAME_INVALID'],
        ['escape\\u{1b}[31m', 'NAME_INVALID'],
        ['logs', 'NAME_TAKEN'],
        ['new\\u{a}line', 'NAME_INVALID'],
        ['tree/\\xff', 'NAME_INVALID'],
        ['tree/new\\u{a}line', 'NAME_INVALID'],
        ['twice', 'NAME_TAKEN'],
      ].toSorted(),
    );
    expect(collected.items.map(({name}) => name)).toEqual([
      `${'d'.repeat(248)}.tar.gz`,
      'f'.repeat(255),
      'tree.tar.gz',
      'twice.tar.gz',
    ]);
  });

  test('a hard link is a file', async () => {
    await writeFile(join(root, 'elsewhere'), 'content');
    await link(join(root, 'elsewhere'), at('linked'));
    await using collected = await collect();
    expect(String(await contentOf(collected, 'linked'))).toBe('content');
  });

  test('the directory itself', async () => {
    await rm(directory, {recursive: true});
    await expect(collect()).rejects.toMatchObject({code: 'NOT_FOUND'});
    await symlink(secret, directory);
    await expect(collect()).rejects.toMatchObject({code: 'SOURCE_FAILED'});
    await rm(directory);
    await writeFile(directory, 'a file');
    await expect(collect()).rejects.toMatchObject({code: 'SOURCE_FAILED'});
    await rm(directory);
    expect(spawnSync('mkfifo', [directory]).status).toBe(0);
    await expect(collect()).rejects.toMatchObject({code: 'SOURCE_FAILED'});
  });
});

describe('limits', () => {
  test('10 GiB that are not there are refused before a byte is read', async () => {
    await writeFile(at('sparse'), '');
    await truncate(at('sparse'), 10 * 1024 ** 3);
    await mkdir(at('tree'));
    await rename(at('sparse'), at('tree', 'sparse'));
    await writeFile(at('sparse'), '');
    await truncate(at('sparse'), 10 * 1024 ** 3);
    await using collected = await collect({maxBytes: 1 << 20});
    expect(rejections(collected)).toEqual([
      ['sparse', 'TOO_LARGE'],
      ['tree', 'TOO_LARGE'],
    ]);
    expect(collected.totalBytes).toBe(0);
  });

  test('hold for stored bytes, in the order of the names', async () => {
    await writeFile(at('a'), Buffer.alloc(400));
    await writeFile(at('b'), Buffer.alloc(700));
    await mkdir(at('c'));
    // Compresses to some ten bytes, and nobody unpacks it to less than 1500.
    await writeFile(at('c', 'zeros'), Buffer.alloc(1500));
    await writeFile(at('d'), Buffer.alloc(500));
    await using collected = await collect({maxBytes: 1000});
    expect(collected.items.map(({name}) => name)).toEqual(['a', 'c.tar.gz']);
    expect(rejections(collected)).toEqual([
      ['b', 'TOO_LARGE'],
      ['d', 'TOO_LARGE'],
    ]);
    await using all = await collect({maxBytes: 1600 + collected.items[1]!.sizeBytes});
    expect(all.rejected).toEqual([]);
    expect(all.totalBytes).toBe(1600 + collected.items[1]!.sizeBytes);
  });

  test(
    'an archive that becomes too large is given up',
    async () => {
      await mkdir(at('tree'));
      // Does not compress.
      const noise = randomBytes(3_000_000);
      for (const name of ['1', '2', '3', '4']) await writeFile(at('tree', name), noise);
      await writeFile(at('z'), 'small');
      await using collected = await collect({maxBytes: 1_000_000});
      expect(rejections(collected)).toEqual([['tree', 'TOO_LARGE']]);
      expect(collected.items.map(({name}) => name)).toEqual(['z']);
    },
    TIMEOUT_MS,
  );

  test('of entries and of depth', async () => {
    await mkdir(at('tree', '1', '2', '3'), {recursive: true});
    await writeFile(at('tree', '1', 'file'), '');
    await writeFile(at('z'), '');
    await using flat = await collect({maxDepth: 2});
    expect(rejections(flat)).toEqual([['tree/1/2', 'TOO_DEEP']]);
    expect(Object.keys(await unpack(await contentOf(flat, 'tree.tar.gz')))).toEqual([
      'tree/',
      'tree/1/',
      'tree/1/file',
    ]);
    await using whole = await collect({maxEntries: 6});
    expect(whole.rejected).toEqual([]);
    await using few = await collect({maxEntries: 5});
    expect(rejections(few)).toEqual([['tree', 'TOO_MANY']]);
    expect(few.items.map(({name}) => name)).toEqual(['z']);
    await expect(collect({maxEntries: 1})).rejects.toMatchObject({code: 'TOO_LARGE'});
  });

  test('a spool that cannot be written fails archives only', async () => {
    await mkdir(at('tree'));
    await writeFile(at('a'), 'aaa');
    await using collected = await collect({spoolDirectory: join(root, 'missing')});
    expect(rejections(collected)).toEqual([['tree', 'SPOOL_FAILED']]);
    expect(collected.items.map(({name}) => name)).toEqual(['a']);
  });

  test('an abort ends it', async () => {
    await writeFile(at('a'), 'aaa');
    await expect(collect({signal: AbortSignal.abort()})).rejects.toMatchObject({code: 'ABORTED'});
  });
});

describe('swaps', () => {
  test.each([
    ['a symlink', () => symlink(join(secret, 'token'), at('file'))],
    ['another file', () => writeFile(at('file'), 'another content')],
    ['a FIFO', async () => void spawnSync('mkfifo', [at('file')])],
    ['a directory', () => mkdir(at('file'))],
    ['nothing', async () => {}],
  ])('a collected file that is replaced by %s is an error', async (_, replace) => {
    await writeFile(at('file'), 'content');
    await using collected = await collect();
    await rm(at('file'));
    await replace();
    await expect(contentOf(collected, 'file')).rejects.toMatchObject({
      code: 'SOURCE_FAILED',
      message: expect.stringContaining('file: it was'),
    });
  });

  test.each([
    ['grows', () => appendFile(at('file'), 'more')],
    ['shrinks', () => truncate(at('file'), 5)],
    ['shrinks to nothing', () => truncate(at('file'), 0)],
  ])('a file that %s while it is read is an error', async (_, change) => {
    await writeFile(at('file'), Buffer.alloc(5_000_000, 'x'));
    await using collected = await collect();
    const reading = (async () => {
      let read = 0;
      for await (const chunk of collected.items[0]!.open()) {
        if (read === 0) await change();
        read += (chunk as Buffer).length;
      }
    })();
    await expect(reading).rejects.toMatchObject({code: 'SOURCE_FAILED'});
    await expect(contentOf(collected, 'file')).rejects.toMatchObject({code: 'SOURCE_FAILED'});
  });

  test('a directory that is moved away is still the one that was opened', async () => {
    await writeFile(at('file'), 'content');
    await using collected = await collect();
    await rename(directory, join(root, 'moved'));
    await symlink(secret, directory);
    expect(String(await contentOf(collected, 'file'))).toBe('content');
  });

  test(
    'while it is being collected never lead out of the directory',
    async () => {
      await mkdir(at('tree', 'swapped'), {recursive: true});
      await writeFile(at('file'), 'content');
      await writeFile(at('tree', 'file'), 'content');
      await writeFile(at('tree', 'swapped', 'token'), 'content');
      const program = fileURLToPath(new URL('./swapper.fixture.ts', import.meta.url));
      const swapper = spawn(process.execPath, [program, directory, secret], {stdio: ['ignore', 'pipe', 'inherit']});
      const exited = once(swapper, 'exit');
      try {
        await once(swapper.stdout, 'data');
        let seen = 0;
        for (let round = 0; round < 150; round++) {
          await using collected = await collect();
          for (const {open} of collected.items) {
            const content = await buffer(open()).catch((error: unknown) => {
              expect(error).toMatchObject({code: 'SOURCE_FAILED'});
              return undefined;
            });
            if (content === undefined) continue;
            seen += 1;
            const unpacked = content.subarray(0, 2).equals(Buffer.from([0x1f, 0x8b])) ? gunzipSync(content) : content;
            expect(unpacked.includes('secret')).toBe(false);
          }
          for (const {code} of collected.rejected) expect(['NOT_A_FILE', 'CHANGED', 'NAME_INVALID']).toContain(code);
        }
        expect(seen).toBeGreaterThan(0);
      } finally {
        swapper.kill('SIGKILL');
        await exited;
      }
    },
    TIMEOUT_MS,
  );

  test('a collection that is disposed of gives no content', async () => {
    await writeFile(at('file'), 'content');
    const collected = await collect();
    await collected[Symbol.asyncDispose]();
    await expect(text(collected.items[0]!.open())).rejects.toMatchObject({code: 'SOURCE_FAILED'});
  });
});
