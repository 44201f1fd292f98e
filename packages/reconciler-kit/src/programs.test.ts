import {execFile} from 'node:child_process';
import {join} from 'node:path';
import {promisify} from 'node:util';
import {expect, test} from '@jest/globals';
import {programFolder, programsOf} from './programs.fixture.ts';

const root = join(import.meta.dirname, '../../..');

/** Where the package shows programs to its users. */
const sources = ['README.md', 'src/index.ts', 'src/app/index.ts', 'src/client-node/index.ts'];

test('every program in README and module comments compiles', async () => {
  await using folder = await programFolder();
  for (const source of sources) {
    const programs = await programsOf(source);
    expect({source, programs: programs.length}).not.toEqual({source, programs: 0});
    for (const [index, program] of programs.entries()) {
      await folder.write(`${source.replaceAll(/\W/g, '-')}-${index}.ts`, program);
    }
  }
  const options = {noEmit: true, customConditions: ['development'], typeRoots: [join(root, 'node_modules/@types')]};
  const config = {extends: join(root, 'tsconfig.base.json'), compilerOptions: options, include: ['*.ts']};
  const project = await folder.write('tsconfig.json', JSON.stringify(config));
  const tsc = promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', project]);
  const output = await tsc.then(
    ({stdout}) => stdout,
    (error: {stdout: string}) => error.stdout,
  );
  expect(output).toBe('');
}, 60_000);
