import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {type DevPaths, devPaths} from './dev-paths.ts';
import {MergedContexts} from './merged-contexts.ts';

const entry = {name: 'kruntimes-dev', server: 'https://127.0.0.1:6443', ca: 'PEM', token: 'secret'};
const mine = '# mine\ncurrent-context: prod\ncontexts: []\nclusters: []\nusers: []\n';

let directory: string;
let paths: DevPaths;
let files: string[];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-merged-'));
  paths = devPaths({XDG_DATA_HOME: directory});
  await mkdir(paths.directory, {recursive: true});
  files = ['one', 'two'].map((name) => join(directory, name));
  for (const file of files) await writeFile(file, mine);
});

afterEach(async () => {
  await rm(directory, {recursive: true});
});

const read = async (file: string): Promise<unknown> => parse(await readFile(file, 'utf8'));

test('the context goes out of every kubeconfig that it was put into, and out of no other', async () => {
  const merged = new MergedContexts(paths);
  const [one = '', two = ''] = files;
  await merged.add(one, entry);
  await merged.add(one, entry);
  const theirs = join(directory, 'theirs');
  await writeFile(theirs, `${mine}# kruntimes-dev\n`);
  await merged.add(two, entry);
  expect(await new MergedContexts(paths).remove()).toEqual([one, two]);
  for (const file of files) expect(await read(file)).toEqual(parse(mine));
  expect(await readFile(theirs, 'utf8')).toBe(`${mine}# kruntimes-dev\n`);
  expect(await merged.remove()).toEqual([]);
});

test('a context that was left leads to the new cluster; one that the user has taken out stays out', async () => {
  const merged = new MergedContexts(paths);
  const [one = '', two = ''] = files;
  await merged.add(one, entry);
  await merged.add(two, entry);
  await writeFile(two, mine);
  await merged.refresh({...entry, server: 'https://127.0.0.1:7443', ca: 'NEW'});
  expect(await read(one)).toMatchObject({
    clusters: [{cluster: {server: 'https://127.0.0.1:7443', 'certificate-authority-data': 'TkVX'}}],
  });
  expect(await readFile(two, 'utf8')).toBe(mine);
});

test('a kubeconfig that has become something else is told, and the others are done', async () => {
  const merged = new MergedContexts(paths);
  const [one = '', two = ''] = files;
  await merged.add(one, entry);
  await merged.add(two, entry);
  await writeFile(one, '- kruntimes-dev\n');
  await expect(merged.remove()).rejects.toThrow(
    `cannot take the context kruntimes-dev out of ${one}: it is no kubeconfig`,
  );
  expect(await read(two)).toEqual(parse(mine));
});
