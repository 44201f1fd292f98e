import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {BuiltinKind} from '../builtin/builtin-kind.ts';

interface ApiResource {
  name: string;
  singularName: string;
  namespaced: boolean;
  kind: string;
  group?: string;
  version?: string;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
}

/**
 * Rows of kube-apiserver's discovery documents.
 *
 * @param folder of the documents
 * @param resources as `plural.group`
 * @param groupVersions where they may be
 */
export function readKinds(
  folder: string,
  resources: readonly string[],
  groupVersions: readonly string[],
): readonly BuiltinKind[] {
  const found = new Map<string, BuiltinKind>();
  for (const groupVersion of groupVersions) {
    const slash = groupVersion.indexOf('/');
    const group = slash < 0 ? '' : groupVersion.slice(0, slash);
    const version = groupVersion.slice(slash + 1);
    const file = slash < 0 ? `api__${version}.json` : `apis__${group}__${version}.json`;
    const list = (JSON.parse(readFileSync(join(folder, file), 'utf8')) as {resources: ApiResource[]}).resources;
    for (const row of list) {
      if (row.name.includes('/')) continue;
      const subresources = list
        .filter(({name}) => name.startsWith(`${row.name}/`))
        .map((sub) => ({
          name: sub.name.slice(row.name.length + 1),
          group: sub.group ?? group,
          version: sub.version ?? version,
          kind: sub.kind,
          verbs: sub.verbs,
        }));
      found.set(group === '' ? row.name : `${row.name}.${group}`, {
        group,
        version,
        plural: row.name,
        singular: row.singularName,
        kind: row.kind,
        namespaced: row.namespaced,
        shortNames: row.shortNames ?? [],
        categories: row.categories ?? [],
        verbs: row.verbs,
        subresources,
      });
    }
  }
  return resources.map((name) => {
    const kind = found.get(name);
    if (kind === undefined) throw new Error(`kube-apiserver has no ${name}`);
    return kind;
  });
}
