import {readdir, readFile} from 'node:fs/promises';
import {describe, expect, test} from '@jest/globals';
import {parse} from 'yaml';
import {crdFiles, crdYaml} from './generate/crd-yaml.ts';

const directory = new URL('../crds/', import.meta.url);

describe.each(Object.entries(crdFiles))('crds/%s', (file, crd) => {
  test('is what "node --run generate" writes', async () => {
    expect(await readFile(new URL(file, directory), 'utf8')).toBe(crdYaml(crd));
  });

  test('reads back as the same object', () => {
    expect(parse(crdYaml(crd))).toEqual(crd);
  });

  test('is small enough for client-side apply, which keeps a copy in an annotation of at most 256 KiB', () => {
    expect(Buffer.byteLength(JSON.stringify(crd))).toBeLessThan(32 * 1024);
  });

  test('has a status and is namespaced', () => {
    expect(crd.spec.scope).toBe('Namespaced');
    expect(crd.spec.versions.map(({subresources}) => subresources?.status)).toEqual([{}]);
  });

  test('every rule has a sentence for the user', () => {
    const messages = JSON.stringify(crd).match(/"rule":/g) ?? [];
    const sentences = JSON.stringify(crd).match(/"message":"[^"]/g) ?? [];
    expect(messages.length).toBeGreaterThan(0);
    expect(sentences).toHaveLength(messages.length);
  });
});

test('crds/ has no other files', async () => {
  expect((await readdir(directory)).toSorted()).toEqual(Object.keys(crdFiles).toSorted());
});
