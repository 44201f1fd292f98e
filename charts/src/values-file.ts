import {isMap, isScalar, type Node, type Pair, parseDocument} from 'yaml';

/** A value of a chart, as values.yaml documents it. */
export interface Value {
  name: string;
  /** What the comment says; empty where the name says it all. */
  description: string;
  default: unknown;
  /** What the comment adds to the schema; `map`: a map whose values are all like the first one. */
  schema: Record<string, unknown> | 'map' | undefined;
  /** The values of a group; absent: this is a value itself, whatever its default has inside. */
  children?: Value[];
}

/** Reads the values of a chart with their comments: text, and `# @schema JSON` or `# @schema map`. @throws where a map has no schema */
export function readValues(text: string): Value[] {
  const document = parseDocument(text);
  if (document.errors[0] !== undefined) throw document.errors[0];
  if (!isMap(document.contents)) throw new Error('values.yaml is no map');
  const first = document.contents.items[0]?.key;
  // The parser gives a comment at the very beginning to the whole file.
  if (document.contents.commentBefore && isScalar(first)) first.commentBefore ??= document.contents.commentBefore;
  return document.contents.items.map((pair) => valueOf(pair as Pair<Node, Node | null>, ''));
}

function valueOf({key, value: node}: Pair<Node, Node | null>, parent: string): Value {
  const name = String(isScalar(key) ? key.value : key);
  const path = parent === '' ? name : `${parent}.${name}`;
  // A comment before the first value of a map belongs to the map, for the parser.
  const lines = (key.commentBefore ?? '').split('\n').map((line) => line.trim());
  const marker = lines
    .find((line) => line.startsWith('@schema'))
    ?.slice('@schema'.length)
    .trim();
  const description = lines.filter((line) => line !== '' && !line.startsWith('@schema')).join(' ');
  const schema = marker === undefined || marker === 'map' ? marker : (JSON.parse(marker) as Record<string, unknown>);
  const value: Value = {name, description, default: node?.toJSON() ?? null, schema};
  if (!isMap(node) || (schema !== undefined && schema !== 'map')) return value;
  if (node.items.length === 0) throw new Error(`values.yaml: ${path} is an empty map and says nothing of its schema`);
  const firstKey = node.items[0]?.key;
  if (node.commentBefore && isScalar(firstKey)) firstKey.commentBefore ??= node.commentBefore;
  value.children = node.items.map((pair) => valueOf(pair as Pair<Node, Node | null>, path));
  return value;
}
