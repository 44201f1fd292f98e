import {
  apiVersionOf,
  type Cache,
  type Controller,
  type DeepReadonly,
  isConflict,
  isNotFound,
  type Kind,
  type KubernetesObject,
  type Manager,
  objectKey,
} from '@kruntimes/reconciler-kit';
import type {OwnerReference} from 'kubernetes-types/meta/v1.d.ts';

export interface GarbageCollectorOptions {
  /** Kinds whose objects may be owners or owned. References to other kinds are taken as good. */
  kinds: readonly Kind[];
  namespace?: string | undefined;
}

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

interface Watched {
  kind: Kind;
  cache: Cache<KubernetesObject>;
  controller: Controller;
}

/**
 * Deletes what has lost all its owners, and carries out foreground and orphan deletion, as the garbage collector of the
 * controller-manager does.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
export function addGarbageCollector(manager: Manager, options: GarbageCollectorOptions): void {
  const watched: Watched[] = options.kinds.map((kind) => {
    const cache = manager.cache(kind, {
      namespace: kind.namespaced ? options.namespace : undefined,
      metadataOnly: true,
      indexers: {owner: ({metadata}) => (metadata?.ownerReferences ?? []).map(({uid}) => uid)},
    });
    const controller = manager
      .controller({name: `garbage-${kind.plural}`, reconcile: ({key}) => collect({kind, cache}, key)})
      .for(cache);
    cache.subscribe({delete: (object) => enqueueDependents(object)});
    return {kind, cache, controller};
  });

  function dependentsOf(
    owner: DeepReadonly<KubernetesObject>,
  ): {watch: Watched; object: DeepReadonly<KubernetesObject>}[] {
    const uid = owner.metadata?.uid ?? '';
    return watched.flatMap((watch) => watch.cache.byIndex('owner', uid).map((object) => ({watch, object})));
  }

  function enqueueDependents(owner: DeepReadonly<KubernetesObject>): void {
    for (const {watch, object} of dependentsOf(owner)) watch.controller.enqueue(objectKey(object));
  }

  async function collect({kind, cache}: Omit<Watched, 'controller'>, key: string): Promise<void> {
    const object = cache.get(key);
    if (object === undefined) return;
    const {finalizers = [], deletionTimestamp, ownerReferences = []} = object.metadata ?? {};
    if (deletionTimestamp) {
      if (finalizers.includes(ORPHAN)) await orphan(kind, object);
      else if (finalizers.includes(FOREGROUND)) await deleteInForeground(kind, object);
      // An owner that waits for its dependents looks again when one of them goes.
      return;
    }
    if (ownerReferences.length === 0) return;
    const owners = await Promise.all(
      ownerReferences.map((reference) => findOwner(reference, object.metadata?.namespace)),
    );
    if (owners.some((owner) => owner === 'unknown' || (owner !== undefined && !isForeground(owner)))) return;
    const anyOwner = owners.some((owner) => owner !== undefined);
    await deleteObject(kind, object, anyOwner ? 'Foreground' : 'Background');
  }

  /** Undefined: gone for certain. The cache may be behind, so the API server has the last word. */
  async function findOwner(
    reference: DeepReadonly<OwnerReference>,
    namespace: string | undefined,
  ): Promise<DeepReadonly<KubernetesObject> | 'unknown' | undefined> {
    const watch = watched.find(({kind}) => kind.kind === reference.kind && apiVersionOf(kind) === reference.apiVersion);
    if (watch === undefined) return 'unknown';
    const key = watch.kind.namespaced ? `${namespace}/${reference.name}` : reference.name;
    const cached = watch.cache.get(key);
    if (cached?.metadata?.uid === reference.uid) return cached;
    try {
      const owner = await manager.client
        .kind(watch.kind)
        .get(reference.name, {namespace: watch.kind.namespaced ? namespace : undefined});
      return owner.metadata?.uid === reference.uid ? owner : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async function orphan(kind: Kind, owner: DeepReadonly<KubernetesObject>): Promise<void> {
    for (const {watch, object} of dependentsOf(owner)) {
      const ownerReferences = (object.metadata?.ownerReferences ?? []).filter(({uid}) => uid !== owner.metadata?.uid);
      await patchMetadata(watch.kind, object, {ownerReferences});
    }
    await removeFinalizer(kind, owner, ORPHAN);
  }

  async function deleteInForeground(kind: Kind, owner: DeepReadonly<KubernetesObject>): Promise<void> {
    const dependents = dependentsOf(owner);
    for (const {watch, object} of dependents) {
      if (!object.metadata?.deletionTimestamp) watch.controller.enqueue(objectKey(object));
    }
    const blocks = (reference: DeepReadonly<OwnerReference>): boolean =>
      reference.uid === owner.metadata?.uid && reference.blockOwnerDeletion === true;
    if (!dependents.some(({object}) => object.metadata?.ownerReferences?.some(blocks)))
      await removeFinalizer(kind, owner, FOREGROUND);
  }

  async function removeFinalizer(kind: Kind, object: DeepReadonly<KubernetesObject>, finalizer: string): Promise<void> {
    await patchMetadata(kind, object, {
      finalizers: (object.metadata?.finalizers ?? []).filter((other) => other !== finalizer),
    });
  }

  async function patchMetadata(kind: Kind, object: DeepReadonly<KubernetesObject>, metadata: object): Promise<void> {
    const {name = '', namespace, uid, resourceVersion} = object.metadata ?? {};
    const body = {metadata: {uid, resourceVersion, ...metadata}};
    await manager.client.kind(kind).patch({name, namespace}, {type: 'merge', body}).catch(ignoreGone);
  }

  async function deleteObject(
    kind: Kind,
    object: DeepReadonly<KubernetesObject>,
    propagationPolicy: 'Background' | 'Foreground',
  ): Promise<void> {
    const {name = '', namespace, uid = ''} = object.metadata ?? {};
    await manager.client
      .kind(kind)
      .delete({name, namespace}, {propagationPolicy, preconditions: {uid}})
      .catch(ignoreGone);
  }

  // When a dependent goes, an owner in foreground deletion may go too.
  for (const {cache} of watched) {
    cache.subscribe({
      delete: (object) => {
        for (const {uid, name} of object.metadata?.ownerReferences ?? []) {
          for (const watch of watched) {
            const key = watch.kind.namespaced ? `${object.metadata?.namespace}/${name}` : name;
            if (watch.cache.get(key)?.metadata?.uid === uid) watch.controller.enqueue(key);
          }
        }
      },
    });
  }
}

function isForeground(owner: DeepReadonly<KubernetesObject>): boolean {
  return owner.metadata?.deletionTimestamp !== undefined && (owner.metadata.finalizers ?? []).includes(FOREGROUND);
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error) && !isConflict(error)) throw error;
}
