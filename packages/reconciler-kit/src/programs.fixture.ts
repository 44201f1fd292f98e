import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';

const packageFolder = join(import.meta.dirname, '..');

/** The TypeScript programs of a Markdown file, or of the `@module` comment that opens a source file. */
export async function programsOf(path: string): Promise<string[]> {
  let text = await readFile(join(packageFolder, path), 'utf8');
  if (path.endsWith('.ts')) {
    if (!text.startsWith('/**')) throw new Error(`${path} does not open with a comment`);
    text = text.slice(0, text.indexOf('*/')).replaceAll(/^ \* ?/gm, '');
  }
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, program = '']) => program);
}

/**
 * A folder inside of the package, so that programs can import it by its name, as strangers do. Git ignores it; dispose of it
 * after use.
 */
export async function programFolder(): Promise<
  {path: string; write(name: string, content: string): Promise<string>} & AsyncDisposable
> {
  const parent = join(packageFolder, 'coverage');
  await mkdir(parent, {recursive: true});
  const path = await mkdtemp(join(parent, 'programs-'));
  return {
    path,
    async write(name, content) {
      await writeFile(join(path, name), content);
      return join(path, name);
    },
    [Symbol.asyncDispose]: () => rm(path, {recursive: true}),
  };
}
