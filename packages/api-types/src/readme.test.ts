import {execFile} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {expect, test} from '@jest/globals';

const root = fileURLToPath(new URL('..', import.meta.url));
const block = (text: string): string => /```ts\n(.*?)```/s.exec(text)?.[1] ?? '';

test('the example of the README is that of the entry file, and runs', async () => {
  const example = block(await readFile(new URL('../README.md', import.meta.url), 'utf8'));
  const comment = await readFile(new URL('./index.ts', import.meta.url), 'utf8');
  expect(block(comment.replaceAll(/^ \* ?/gm, ''))).toBe(example);
  const args = ['--conditions=development', '--input-type=module-typescript', '--eval', example];
  const {stdout} = await promisify(execFile)(process.execPath, args, {cwd: root});
  expect(stdout).toBe(
    [
      'Scheduled on bash-runtime-x7k2p attempt 1',
      'Pending because of NonZeroExit',
      'attempt 1 on Pod 5c1e is over: the Run is Pending, attempt 1, Pod none',
      '',
    ].join('\n'),
  );
});
