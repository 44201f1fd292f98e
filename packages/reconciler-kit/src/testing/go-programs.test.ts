import {mkdir, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {type ResolveGoProgramsOptions, resolveGoPrograms, resolveKubeProgram} from './go-programs.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'go-programs-'));
  await mkdir(join(root, 'module'));
  for (const file of ['go.mod', 'go.sum']) await writeFile(join(root, 'module', file), file);
});
afterEach(() => rm(root, {recursive: true}));

/** A `go` that notes that it was called, and then does this. */
async function fakeGo(script: string): Promise<ResolveGoProgramsOptions> {
  await mkdir(join(root, 'bin'));
  const text = `#!/bin/sh\necho "$@" >> ${join(root, 'calls')}\n${script}\n`;
  await writeFile(join(root, 'bin', 'go'), text, {mode: 0o755});
  return {
    goModule: join(root, 'module'),
    name: 'server-1.2.3',
    packages: {server: 'example.com/cmd/server', client: 'example.com/cmd/client'},
    env: {PATH: `${join(root, 'bin')}:${process.env['PATH']}`, XDG_CACHE_HOME: join(root, 'cache')},
    log: () => {},
  };
}

const writesPrograms = `while [ "$1" != -o ]; do shift; done
  for p in server client kubelet; do echo "$p" > "$2/$p"; chmod +x "$2/$p"; done`;
const calls = async (): Promise<string[]> => (await readFile(join(root, 'calls'), 'utf8')).trim().split('\n');

test('they are built once, however many ask for them, and again when a pin or a flag changes', async () => {
  const options = await fakeGo(writesPrograms);
  const found = await Promise.all([1, 2, 3].map(() => resolveGoPrograms(options)));
  found.push(await resolveGoPrograms(options));
  expect(new Set(found).size).toBe(1);
  expect(await readFile(join(found[0]!, 'client'), 'utf8')).toBe('client\n');
  expect(await calls()).toEqual([expect.stringMatching(/^build -trimpath .*cmd\/server example\.com\/cmd\/client$/)]);
  expect(await readdir(join(root, 'cache', 'reconciler-kit'))).toHaveLength(1);

  const tagged = await resolveGoPrograms({...options, tags: ['small']});
  await writeFile(join(root, 'module', 'go.sum'), 'another pin');
  const pinned = await resolveGoPrograms(options);
  expect(new Set([found[0], tagged, pinned]).size).toBe(3);
});

test('programs of Kubernetes know their version', async () => {
  const {goModule, env} = await fakeGo(writesPrograms);
  const kubelet = await resolveKubeProgram('kubelet', {goModule, env: env!, log: () => {}, version: '1.36.3'});
  expect(await readFile(kubelet, 'utf8')).toBe('kubelet\n');
  expect((await calls())[0]).toContain('component-base/version.gitVersion=v1.36.3');
});

test('a build that fails says why and what to do, and leaves nothing', async () => {
  const options = await fakeGo('echo "no such module" >&2; exit 1');
  await expect(resolveGoPrograms(options)).rejects.toMatchObject({
    code: 'KUBE_BINARIES_MISSING',
    message: expect.stringMatching(/^There is no server-1\.2\.3 to run: install Go .*no such module/),
  });
  expect(await readdir(join(root, 'cache', 'reconciler-kit'))).toEqual([]);
});
