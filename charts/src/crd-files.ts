import {readdir, readFile} from 'node:fs/promises';

const source = new URL('../../packages/api-types/crds/', import.meta.url);

/** The CRDs of api-types, by file name. */
export async function crdFiles(): Promise<[name: string, text: string][]> {
  const names = await readdir(source);
  return await Promise.all(
    names
      .toSorted()
      .map(async (name): Promise<[string, string]> => [name, await readFile(new URL(name, source), 'utf8')]),
  );
}
