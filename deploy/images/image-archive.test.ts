import {chmod, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {run} from '@kruntimes/command';
import {ImageArchive} from './image-archive.ts';

let work: string;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'image-archive-'));
});
afterEach(() => rm(work, {recursive: true}));

/** @param files text by path; the last digits of a path after `:` are its mode */
async function layer(name: string, files: Readonly<Record<string, string>>): Promise<string> {
  const root = join(work, `${name}-root`);
  for (const [spec, text] of Object.entries(files)) {
    const [path = '', mode = '644'] = spec.split(':');
    await mkdir(join(root, path, '..'), {recursive: true});
    await writeFile(join(root, path), text);
    await chmod(join(root, path), Number.parseInt(mode, 8));
  }
  await run('tar', ['-cf', join(work, name), '--owner=0', '--group=0', '-C', root, '.']);
  return name;
}

test('files are those that the layers leave, with their owners and modes', async () => {
  const layers = [
    await layer('one.tar', {'bin/su:4755': 'su', 'etc/old/a': 'a', 'etc/same': 'first', 'tmp/x:666': ''}),
    await layer('two.tar', {'etc/.wh.old': '', 'etc/same': 'second', 'a b -> c': 'odd'}),
  ];
  const config = {architecture: 'amd64', config: {User: '1:1'}};
  await writeFile(join(work, `${'c'.repeat(64)}.json`), JSON.stringify(config));
  const manifest = [{Config: `${'c'.repeat(64)}.json`, RepoTags: ['x:1'], Layers: layers}];
  await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
  await run('tar', ['-cf', join(work, 'image.tar'), '-C', work, 'manifest.json', `${'c'.repeat(64)}.json`, ...layers]);

  const archive = await ImageArchive.open(join(work, 'image.tar'));
  const files = [...archive.files.values()].filter(({type}) => type === '-');
  expect(files.map(({path, mode, uid}) => [path, mode.toString(8), uid]).toSorted()).toEqual([
    ['a b -> c', '644', 0],
    ['bin/su', '4755', 0],
    ['etc/same', '644', 0],
    ['tmp/x', '666', 0],
  ]);
  expect(archive).toMatchObject({id: `sha256:${'c'.repeat(64)}`, tags: ['x:1'], config, sizeBytes: 11});
  expect(await archive.read('etc/same')).toBe('second');
  expect(await archive.read('etc/old/a')).toBeUndefined();
});
