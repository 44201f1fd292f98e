// The packages that are published to npm. Run by itself, it prints them as JSON: node tools/publishable.mjs
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

/** The workspace's packages that are published to npm: {name, folder, manifest}. */
export function publishable() {
  return ['packages', 'apps']
    .flatMap((parent) => readdirSync(parent).map((name) => join(parent, name)))
    .map((folder) => ({folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))}))
    .filter(({manifest}) => manifest.private !== true)
    .map(({folder, manifest}) => ({name: manifest.name, folder, manifest}));
}

if (import.meta.main) console.log(JSON.stringify(publishable().map(({name, folder}) => ({name, folder}))));
