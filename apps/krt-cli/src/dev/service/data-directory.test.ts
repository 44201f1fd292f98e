import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, test} from '@jest/globals';
import {directoryProblem, type FileSystem} from './data-directory.ts';

function failing(code: string): () => Promise<never> {
  return async () => await Promise.reject(Object.assign(new Error(code), {code}));
}

const missing = failing('ENOENT');
/** Has `/home` alone. */
const usable: FileSystem = {
  stat: async (path) => (path === '/home' ? await Promise.resolve({isDirectory: () => true}) : await missing()),
  access: async () => await Promise.resolve(),
  statfs: async () => await Promise.resolve({bavail: 100_000, bsize: 4096}),
};

test('a directory that can be made is no problem', async () => {
  expect(await directoryProblem('/home/a/b', usable)).toBeUndefined();
});

test.each<[string, Partial<FileSystem>, string]>([
  ['a read-only file system', {access: failing('EROFS')}, '/home is on a file system that is read-only'],
  ['no permission', {access: failing('EACCES')}, 'you may not write in /home'],
  [
    'a full file system',
    {statfs: async () => await Promise.resolve({bavail: 700, bsize: 4096})},
    'the file system of /home is full: 2 MiB are free, 64 MiB are needed',
  ],
])('%s', async (_name, broken, problem) => {
  expect(await directoryProblem('/home/a/b', {...usable, ...broken})).toBe(problem);
});

test('a file in the way, on a real file system', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'krt-data-'));
  try {
    const file = join(directory, 'file');
    await writeFile(file, '');
    expect(await directoryProblem(join(file, 'kruntimes', 'dev'))).toBe(`${file} is a file`);
  } finally {
    await rm(directory, {recursive: true});
  }
});
