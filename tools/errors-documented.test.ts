import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {expect, test} from '@jest/globals';

/** Files that declare the codes of an error class, by the names that our packages give them. */
const sources = ['packages', 'apps']
  .flatMap((parent) => readdirSync(parent).map((name) => `${parent}/${name}/src`))
  .flatMap((folder) => [`${folder}/errors.ts`, `${folder}/krt-error.ts`])
  .filter((path) => existsSync(path));

test('docs/errors.md has every error code', () => {
  const page = readFileSync('docs/errors.md', 'utf8');
  const codes = sources.flatMap((path) =>
    [...readFileSync(path, 'utf8').matchAll(/^\s+\| '([A-Z][A-Z_]+)'/gm)].map(([, code]) => code),
  );
  expect(codes.length).toBeGreaterThan(30);
  expect(codes.filter((code) => !page.includes(`\`${code}\``))).toEqual([]);
});
