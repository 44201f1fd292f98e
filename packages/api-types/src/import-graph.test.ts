import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import {expect, test} from '@jest/globals';
import {isNames} from './schema/schema-node.ts';

/** What a program loads at run time that imports `entry`: files of this package by name, everything else by its specifier. */
async function loadedBy(entry: string): Promise<string[]> {
  const program = `
    import {registerHooks} from 'node:module';
    const loaded = new Set();
    registerHooks({
      resolve(specifier, context, next) {
        loaded.add(specifier);
        return next(specifier, context);
      },
    });
    await import(${JSON.stringify(new URL(entry, import.meta.url).href)});
    console.log(JSON.stringify([...loaded].slice(1)));
  `;
  const {stdout} = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program]);
  const loaded: unknown = JSON.parse(stdout);
  return isNames(loaded) ? loaded.map((specifier) => specifier.replace(/^.*\//, './')).toSorted() : [];
}

test('the main entry loads neither TypeBox nor a schema: daemons pay for types at compile time only', async () => {
  expect(await loadedBy('./index.ts')).toEqual([
    './artifacts.ts',
    './constants.ts',
    './errors.ts',
    './kinds.ts',
    './limits.ts',
    './outputs.ts',
    './reasons.ts',
    './resources.ts',
    './run-fence.ts',
    './run-lifecycle.ts',
    './run-log.ts',
    './run-phase.ts',
    './run-retry.ts',
    './text.ts',
    './time.ts',
    './utf8.ts',
    'node:buffer',
    'node:crypto',
  ]);
});

test('./crds is where TypeBox is loaded', async () => {
  const loaded = await loadedBy('./crds.ts');
  expect(loaded).toContain('typebox');
  expect(loaded).toContain('./run-spec.ts');
});
