import type {ObjectMeta} from 'kubernetes-types/meta/v1.d.ts';

const kept = [
  'name',
  'namespace',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'deletionTimestamp',
  'ownerReferences',
] as const satisfies (keyof ObjectMeta)[];

/**
 * What a controller needs of the metadata of an object that it keeps in a cache: which one it is, of what age, whether it is going,
 * and whose it is. For a `transform`: managed fields and annotations are the greater part of many objects.
 *
 * @param labels keys of the labels that stay; no others do
 */
export function projectedMetadata(metadata: ObjectMeta = {}, labels: readonly string[] = []): ObjectMeta {
  const projected: Record<string, unknown> = {};
  for (const field of kept) if (metadata[field] !== undefined) projected[field] = metadata[field];
  const present = labels.filter((key) => metadata.labels?.[key] !== undefined);
  if (present.length > 0) projected['labels'] = Object.fromEntries(present.map((key) => [key, metadata.labels?.[key]]));
  return projected;
}
