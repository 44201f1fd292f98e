import {type FileHandle, mkdir, mkdtemp, open, readdir, rm, stat, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {describeArtifactStore} from './artifact-store.fixture.ts';
import {createFilesystemStore, FilesystemStore} from './filesystem-store.ts';

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, {recursive: true, withFileTypes: true});
  return entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
}

describeArtifactStore('filesystem store', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'filesystem-store-'));
  return {
    store: createFilesystemStore({directory}),
    description: {$case: 'filesystem', directory},
    missing: createFilesystemStore({directory: join(directory, '.missing')}),
    keepsContentType: false,
    leftovers: async () => (await filesBelow(directory)).filter((name) => name.startsWith('.')),
    [Symbol.asyncDispose]: () => rm(directory, {recursive: true}),
  };
});

describe('files of a filesystem store', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'filesystem-store-'));
  });
  afterEach(() => rm(directory, {recursive: true}));

  const put = (store: FilesystemStore, key: string) => store.put(key, Readable.from(['content']), {sizeBytes: 7});

  /** A store whose disk fails after three bytes. */
  function failingStore(code: string): FilesystemStore {
    return new FilesystemStore(
      {directory},
      {
        openFile: async (...args) => {
          const file: FileHandle = await open(...args);
          const whole = file.writeFile;
          file.writeFile = async () => {
            await whole.call(file, 'con');
            throw Object.assign(new Error(`${code}: said the disk`), {code});
          };
          return file;
        },
      },
    );
  }

  test.each([
    ['ENOSPC', 'STORE_FULL', false],
    ['EDQUOT', 'STORE_FULL', false],
    ['EROFS', 'ACCESS_DENIED', false],
    ['ESTALE', 'UNAVAILABLE', true],
    ['EIO', 'STORE_FAILED', false],
  ])('%s is %s and leaves nothing', async (systemCode, code, retryable) => {
    const store = failingStore(systemCode);
    await expect(put(store, 'a/b')).rejects.toMatchObject({code, retryable, cause: {code: systemCode}});
    expect(await filesBelow(directory)).toEqual([]);
  });

  test('a group can share them, whatever the umask', async () => {
    const before = process.umask(0o077);
    try {
      await put(new FilesystemStore({directory}), 'a/b/c');
    } finally {
      process.umask(before);
    }
    expect((await stat(join(directory, 'a'))).mode & 0o7777).toBe(0o2770);
    expect((await stat(join(directory, 'a', 'b'))).mode & 0o7777).toBe(0o2770);
    expect((await stat(join(directory, 'a', 'b', 'c'))).mode & 0o7777).toBe(0o660);
  });

  test('no symlink is followed', async () => {
    await using outside = await temporaryDirectory();
    await writeFile(join(outside.path, 'secret'), 'secret');
    await symlink(join(outside.path, 'secret'), join(directory, 'file'));
    await symlink(outside.path, join(directory, 'directory'));
    const store = new FilesystemStore({directory});

    await expect(store.get('file')).rejects.toMatchObject({code: 'STORE_FAILED'});
    await expect(store.get('directory/secret')).rejects.toMatchObject({name: 'ArtifactStoreError'});
    await expect(put(store, 'directory/new')).rejects.toMatchObject({name: 'ArtifactStoreError'});
    const listed = [];
    for await (const {key} of store.list('')) listed.push(key);
    expect(listed).toEqual([]);
    await mkdir(join(directory, 'below'));
    await symlink(outside.path, join(directory, 'below', 'link'));
    expect(await store.deletePrefix('below/')).toBe(0);
    expect(await store.deletePrefix('directory/')).toBe(0);
    expect(await readdir(outside.path)).toEqual(['secret']);
    // Putting an object replaces the link, not what it leads to.
    await put(store, 'file');
    expect(await text((await store.get('file')).body)).toBe('content');
  });

  test('directories that are empty go with the last object', async () => {
    const store = new FilesystemStore({directory});
    await put(store, 'namespace/1/a');
    await put(store, 'namespace/2/a');
    await store.deletePrefix('namespace/1/');
    expect(await readdir(join(directory, 'namespace'))).toEqual(['2']);
    await store.deletePrefix('namespace/2/');
    expect(await readdir(directory)).toEqual([]);
  });

  test('a key cannot be the directory of another', async () => {
    const store = new FilesystemStore({directory});
    await put(store, 'a/b');
    await expect(put(store, 'a')).rejects.toMatchObject({code: 'KEY_INVALID'});
    await expect(put(store, 'a/b/c')).rejects.toMatchObject({code: 'KEY_INVALID'});
    expect(await filesBelow(directory)).toEqual(['b']);
  });

  test('needs an absolute path', () => {
    expect(() => createFilesystemStore({directory: 'here'})).toThrow(
      expect.objectContaining({code: 'OPTIONS_INVALID', message: expect.stringContaining('here')}),
    );
  });
});

async function temporaryDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'outside-'));
  return {path, [Symbol.asyncDispose]: () => rm(path, {recursive: true})};
}
