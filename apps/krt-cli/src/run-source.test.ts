import {chmod, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {PassThrough} from 'node:stream';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {type RunSourceFlags, sourceFromFlags} from './run-source.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-source-'));
  await writeFile(join(directory, 'main.sh'), 'echo hi\n');
  await chmod(join(directory, 'main.sh'), 0o700);
  await writeFile(join(directory, 'data.txt'), 'data');
  await writeFile(join(directory, 'binary'), Buffer.of(0xff));
});
afterAll(async () => {
  await rm(directory, {recursive: true});
});

const source = async (flags: RunSourceFlags) => await sourceFromFlags(flags, new PassThrough());

describe('sourceFromFlags', () => {
  test('nothing, a script, files, a repository', async () => {
    expect(await source({})).toBeUndefined();
    expect(await source({script: 'echo'})).toEqual({inline: 'echo'});
    expect(await source({scriptFile: join(directory, 'main.sh')})).toEqual({inline: 'echo hi\n'});
    expect(await source({file: [join(directory, 'main.sh'), `lib/./x.txt=${join(directory, 'data.txt')}`]})).toEqual({
      files: [
        {path: 'main.sh', content: 'echo hi\n', mode: 0o755},
        {path: 'lib/x.txt', content: 'data'},
      ],
    });
    expect(await source({git: 'https://git.example/x.git'})).toEqual({git: {url: 'https://git.example/x.git'}});
    expect(
      await source({git: 'ssh://git@h/x', revision: 'v1', gitPath: 'sub', gitDepth: '0', gitSecret: 'deploy-key'}),
    ).toEqual({git: {url: 'ssh://git@h/x', revision: 'v1', subPath: 'sub', depth: 0, secretName: 'deploy-key'}});
  });

  test.each<[RunSourceFlags, RegExp]>([
    [{script: 'a', git: 'b'}, /--script and --git exclude each other/],
    [{revision: 'main'}, /--revision needs --git/],
    [{git: 'https://h/x', gitDepth: 'x'}, /--git-depth "x" is not a number/],
    [{script: ''}, /the script is empty/],
    [{file: ['a=']}, /not PATH=FILE/],
    [{file: ['/nonexistent']}, /--file \/nonexistent: no such file/],
  ])('%j is refused', async (flags, message) => {
    await expect(source(flags)).rejects.toThrow(message);
  });

  test('files are text', async () => {
    await expect(source({file: [join(directory, 'binary')]})).rejects.toThrow('is not UTF-8 text');
  });
});
