import {ReconcilerKitError} from './errors.ts';
import type {Kind} from './kind.ts';

function segment(value: string, what: string): string {
  // The API server's own rule for names in URLs, and no way out of the collection.
  if (value === '' || value === '.' || value === '..' || value.includes('/') || value.includes('%')) {
    throw new ReconcilerKitError('INVALID_ARGUMENT', `${JSON.stringify(value)} is no ${what}`);
  }
  return encodeURIComponent(value);
}

/** Path of a collection: in one namespace, or with `namespace` undefined in all. */
export function collectionPath(kind: Kind, namespace: string | undefined): string {
  const root = kind.group === '' ? `/api/${kind.version}` : `/apis/${kind.group}/${kind.version}`;
  // Callers that handle any kind may pass a namespace along; a cluster-scoped kind has no use for it.
  return kind.namespaced && namespace !== undefined
    ? `${root}/namespaces/${segment(namespace, 'namespace')}/${kind.plural}`
    : `${root}/${kind.plural}`;
}

/** The same where exactly one collection is meant: a namespaced kind needs its namespace. */
export function ownCollectionPath(kind: Kind, namespace: string | undefined): string {
  if (kind.namespaced && namespace === undefined) {
    throw new ReconcilerKitError('INVALID_ARGUMENT', `${kind.kind} is namespaced: give a namespace`);
  }
  return collectionPath(kind, namespace);
}

/** Path of one object, or of one of its subresources. */
export function objectPath(
  kind: Kind,
  name: string | undefined,
  namespace: string | undefined,
  subresource?: string,
): string {
  const path = `${ownCollectionPath(kind, namespace)}/${segment(name ?? '', 'object name')}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}
