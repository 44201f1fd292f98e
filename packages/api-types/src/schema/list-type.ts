import {type StructuralSchema, unsupported} from './schema-node.ts';

const scalars: ReadonlySet<unknown> = new Set(['string', 'integer', 'number', 'boolean']);

/**
 * Checks the list and map types that server-side apply merges by.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
 */
export function checkList(node: StructuralSchema, path: string): void {
  const listType = node['x-kubernetes-list-type'];
  const keys = node['x-kubernetes-list-map-keys'];
  if (node['x-kubernetes-map-type'] !== undefined && node.type !== 'object') {
    throw unsupported(path, 'only an object has x-kubernetes-map-type');
  }
  if (listType !== undefined && node.type !== 'array') {
    throw unsupported(path, 'only an array has x-kubernetes-list-type');
  }
  if ((listType === 'map') !== (keys !== undefined)) {
    throw unsupported(path, 'a list of type map, and no other, has x-kubernetes-list-map-keys');
  }
  const items = node?.items;
  if (listType === 'set' && (!scalars.has(items?.type) || items?.nullable)) {
    throw unsupported(path, 'the items of a set must be scalars that are not nullable');
  }
  if (listType !== 'map') {
    return;
  }
  if (items?.type !== 'object' || items.nullable) {
    throw unsupported(path, 'the items of a list of type map must be objects that are not nullable');
  }
  for (const key of keys ?? []) {
    const property = items.properties?.[key];
    if (property === undefined || !scalars.has(property.type) || property.nullable) {
      throw unsupported(path, `map key ${key} must be a scalar property that is not nullable`);
    }
    if (!items.required?.includes(key) && property.default === undefined) {
      throw unsupported(path, `map key ${key} must be required or have a default`);
    }
  }
}
