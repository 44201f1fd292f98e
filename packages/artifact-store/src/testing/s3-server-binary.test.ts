import {mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {resolveS3Server} from './s3-server-binary.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 's3-server-binary-'));
  await mkdir(join(root, 'module'));
  for (const file of ['go.mod', 'go.sum']) await writeFile(join(root, 'module', file), file);
});
afterEach(() => rm(root, {recursive: true}));

/** A `go` that notes that it was called, and then does this. */
async function fakeGo(script: string): Promise<NodeJS.ProcessEnv> {
  const path = join(root, 'bin');
  await mkdir(path);
  await writeFile(join(path, 'go'), `#!/bin/sh\necho "$@" >> ${join(root, 'calls')}\n${script}\n`, {mode: 0o755});
  return {PATH: `${path}:${process.env['PATH']}`, XDG_CACHE_HOME: join(root, 'cache')};
}

const options = (env: NodeJS.ProcessEnv) => ({goModule: join(root, 'module'), env, log: () => {}});

test('it is built once, however many ask for it, and found in the cache after that', async () => {
  const env = await fakeGo('while [ "$1" != -o ]; do shift; done; echo program > "$2"; chmod +x "$2"');
  const found = await Promise.all([1, 2, 3, 4].map(() => resolveS3Server(options(env))));
  found.push(await resolveS3Server(options(env)));
  expect(new Set(found).size).toBe(1);
  expect(await readFile(found[0]!, 'utf8')).toBe('program\n');
  expect((await readFile(join(root, 'calls'), 'utf8')).trim().split('\n')).toHaveLength(1);
  expect(await readdir(join(root, 'cache', 'artifact-store'))).toHaveLength(1);

  await writeFile(join(root, 'module', 'go.sum'), 'another pin');
  expect(await resolveS3Server(options(env))).not.toBe(found[0]);
});

test('a build that fails says why and what to do, and leaves nothing', async () => {
  const env = await fakeGo('echo "no such module" >&2; exit 1');
  await expect(resolveS3Server(options(env))).rejects.toMatchObject({
    code: 'S3_SERVER_MISSING',
    message: expect.stringMatching(/^There is no S3 server to run: install Go .* \(tried: .*no such module\)\.$/),
  });
  expect(await readdir(join(root, 'cache', 'artifact-store'))).toEqual([]);
});

test('without go it says so', async () => {
  await expect(resolveS3Server(options({PATH: root, HOME: root}))).rejects.toMatchObject({
    code: 'S3_SERVER_MISSING',
    message: expect.stringContaining('there is no go on PATH'),
  });
});

test('S3_SERVER_BINARY comes first', async () => {
  expect(await resolveS3Server(options({S3_SERVER_BINARY: process.execPath}))).toBe(process.execPath);
  await expect(resolveS3Server(options({S3_SERVER_BINARY: join(root, 'missing')}))).rejects.toMatchObject({
    code: 'S3_SERVER_MISSING',
    message: expect.stringContaining('correct it or unset it'),
  });
  await expect(resolveS3Server({env: {}})).rejects.toMatchObject({code: 'S3_SERVER_MISSING'});
});
