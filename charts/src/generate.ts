/**
 * Writes what is generated in the charts: their versions, the CRDs, and from the comments of values.yaml the schema of the values and the
 * table of the README. Run it by `node --run generate` in this folder.
 */
import {readFile, writeFile} from 'node:fs/promises';
import {crdFiles} from './crd-files.ts';
import {readValues} from './values-file.ts';
import {valuesSchema} from './values-schema.ts';
import {withValuesTable} from './values-table.ts';

const charts = new URL('../', import.meta.url);
const {version} = JSON.parse(await readFile(new URL('package.json', charts), 'utf8')) as {version: string};

for (const chart of ['kruntimes', 'kruntimes-crds', 'kruntimes-runtimes']) {
  const folder = new URL(`${chart}/`, charts);
  const values = readValues(await readFile(new URL('values.yaml', folder), 'utf8'));
  await writeFile(new URL('values.schema.json', folder), `${JSON.stringify(valuesSchema(values), undefined, 2)}\n`);
  await edit(new URL('README.md', folder), (text) => withValuesTable(text, values));
  await edit(new URL('Chart.yaml', folder), (text) => text.replace(/^((?:appV|v)ersion:) .*$/gm, `$1 ${version}`));
}
for (const [name, text] of await crdFiles())
  await writeFile(new URL(`kruntimes-crds/files/crds/${name}`, charts), text);

async function edit(file: URL, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')));
}
