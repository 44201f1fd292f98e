import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {WireField} from '../builtin/wire-type.ts';

/** What the Go types of a package say about JSON and protobuf: the facts that neither OpenAPI nor the proto files have. */
export interface GoPackage {
  /** Of OpenAPI's names: `io.k8s.api.core.v1`. */
  prefix: string;
  /** Fields of a struct, or the type that another name stands for. */
  types: Map<string, WireField[] | string>;
}

/** Types that read and write JSON in a way of their own. */
export const specialTypes = new Set([
  'Time',
  'MicroTime',
  'Duration',
  'Quantity',
  'IntOrString',
  'RawExtension',
  'FieldsV1',
  'JSON',
]);
const scalars: Readonly<Record<string, string>> = {
  string: 's',
  bool: 'b',
  int32: 'i',
  int64: 'l',
  float64: 'd',
  '[]byte': 'y',
};

/**
 * Reads the types of a package.
 *
 * @param folder of the Go source
 * @param path of the import
 */
export function readGoPackage(folder: string, path: string): GoPackage {
  const prefix = prefixOf(path);
  const proto = readFileSync(join(folder, 'generated.proto'), 'utf8');
  const messages = new Set([...proto.matchAll(/^message (\w+) \{/gmu)].map((match) => match[1]!));
  const types: GoPackage['types'] = new Map();
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.go') || name.endsWith('_test.go') || /^(zz_)?generated/u.test(name)) continue;
    const source = readFileSync(join(folder, name), 'utf8');
    const imports = importsOf(source);
    const qualify = (type: string): string => wireType(type, prefix, imports);
    for (const match of source.matchAll(/^type ([A-Z]\w*) struct \{\n(.*?)^\}/gmsu)) {
      const fields = fieldsOf(match[2]!, qualify);
      if (specialTypes.has(match[1]!) || fields === undefined) types.set(match[1]!, '?');
      else types.set(match[1]!, fields);
    }
    for (const match of source.matchAll(/^type ([A-Z]\w*) struct ?\{\}$/gmu)) types.set(match[1]!, []);
    for (const match of source.matchAll(/^type ([A-Z]\w*) ((?:\[\]|map\[\w+\])?[\w.]+)$/gmu)) {
      if (match[2] === 'struct' || match[2] === 'interface') continue;
      // A name for a list is a message of its own, with the one field `items`.
      const wrapped = messages.has(match[1]!) ? '!' : '';
      types.set(match[1]!, `${wrapped}${qualify(match[2]!)}`);
    }
  }
  for (const match of proto.matchAll(/^message (\w+) \{\n(.*?)^\}/gmsu)) {
    const fields = types.get(match[1]!);
    if (!Array.isArray(fields)) continue;
    const numbers = [...match[2]!.matchAll(/ = (\d+);/gu)]
      .map(([, number]) => Number(number))
      .toSorted((a, b) => a - b);
    const own = fields
      .map(([, number]) => number)
      .filter((number) => number > 0)
      .toSorted((a, b) => a - b);
    if (numbers.join() !== own.join())
      throw new Error(`${path}.${match[1]}: Go says fields ${own.join()}, generated.proto says ${numbers.join()}`);
  }
  return {prefix, types};
}

/** `k8s.io/api/core/v1` is `io.k8s.api.core.v1` in OpenAPI. */
function prefixOf(path: string): string {
  const [host = '', ...rest] = path.split('/');
  return [...host.split('.').toReversed(), ...rest].join('.');
}

function importsOf(source: string): Map<string, string> {
  const imports = new Map<string, string>();
  const block = source.match(/^import \(\n(.*?)^\)/msu)?.[1] ?? source.match(/^import (".*")$/mu)?.[1] ?? '';
  for (const [, alias, path] of block.matchAll(/^\s*(?:(\w+)\s+)?"([^"]+)"/gmu))
    imports.set(alias ?? path!.slice(path!.lastIndexOf('/') + 1), path!);
  return imports;
}

/** Undefined: a struct without tags of protobuf, which is of no use here. */
function fieldsOf(body: string, qualify: (type: string) => string): WireField[] | undefined {
  const fields: WireField[] = [];
  for (const line of body.split('\n')) {
    const match = line.match(/^\s+(?:([A-Z]\w*)\s+)?([*[\]\w.]+)\s+`([^`]*)`/u);
    if (!match) continue;
    const [, goName, type = '', tags = ''] = match;
    const [json = '', ...options] = (tags.match(/json:"([^"]*)"/u)?.[1] ?? '').split(',');
    const number = Number(tags.match(/protobuf:"\w+,(\d+)/u)?.[1] ?? 0);
    if (goName === undefined && type.endsWith('TypeMeta')) {
      fields.push(['kind', 0, 's', 'o'], ['apiVersion', 0, 's', 'o']);
      continue;
    }
    if (number === 0) continue;
    const flags = `${options.includes('omitempty') ? 'o' : ''}${options.includes('omitzero') ? 'z' : ''}`;
    fields.push([goName === undefined && json === '' ? '' : json || goName!, number, qualify(type), flags]);
  }
  return fields.length > 0 || body.trim() === '' ? fields : undefined;
}

function wireType(type: string, prefix: string, imports: Map<string, string>): string {
  const scalar = scalars[type];
  if (scalar !== undefined) return scalar;
  if (type.startsWith('*')) return `*${wireType(type.slice(1), prefix, imports)}`;
  if (type.startsWith('[]')) return `[${wireType(type.slice(2), prefix, imports)}`;
  const map = type.match(/^map\[[\w.]+\](.*)$/u);
  if (map) return `{${wireType(map[1]!, prefix, imports)}`;
  const dot = type.indexOf('.');
  if (dot < 0) return `${prefix}.${type}`;
  const path = imports.get(type.slice(0, dot));
  if (path === 'k8s.io/apimachinery/pkg/types') return 's';
  if (path === undefined) return '?';
  return `${prefixOf(path)}.${type.slice(dot + 1)}`;
}
