/** Writes `crds/` and the API reference: run it by `node --run generate` in the package. */
import {mkdir, writeFile} from 'node:fs/promises';
import {apiReference} from './api-reference.ts';
import {crdFiles, crdYaml} from './crd-yaml.ts';

const directory = new URL('../../crds/', import.meta.url);
await mkdir(directory, {recursive: true});
await Promise.all(Object.entries(crdFiles).map(([name, crd]) => writeFile(new URL(name, directory), crdYaml(crd))));
await writeFile(new URL('../../../../docs/api-reference.md', import.meta.url), apiReference());
