import type {CachedObject} from '../cache/cached-object.ts';
import {apiVersionOf, type KubeObject, type ObjectMeta, type OwnerReference} from '../kube-object.ts';
import {FOREGROUND, ORPHAN, type PropagationPolicy} from '../registry/deletion.ts';
import type {Registry} from '../registry/registry.ts';
import type {Resource} from '../registry/resource.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {
  type Controller,
  type ControllerEnvironment,
  controllerContext,
  errorTeller,
  isConflict,
  isGone,
} from './controller.ts';
import {FirstLooks} from './first-looks.ts';
import {followStores, itemName, itemOf, scan, splitKey} from './follow-stores.ts';
import {OwnershipGraph} from './ownership-graph.ts';
import type {TimeSlices} from './time-slices.ts';
import {WorkQueue} from './work-queue.ts';

const ACCOUNT = 'generic-garbage-collector';
const CONCURRENCY = 20;
const ATTEMPTS = 5;

/** What decides the fate of an object with owners. */
interface Owners {
  /** Those that keep it. */
  solid: OwnerReference[];
  /** Those that are not there. */
  dangling: OwnerReference[];
  /** Those that are deleted in the foreground. */
  waiting: OwnerReference[];
}

/**
 * Deletes objects whose owners are gone, and carries out foreground and orphan deletion.
 *
 * @see https://kubernetes.io/docs/concepts/architecture/garbage-collection/
 */
export class GarbageCollector implements Controller {
  readonly #registry: Registry;
  readonly #slices: TimeSlices;
  readonly #graph: OwnershipGraph;
  readonly #queue: WorkQueue;
  /** Items with an owner of a kind that is not served. */
  readonly #unresolved = new Set<string>();
  readonly #end: () => void;
  /** Until all that is stored was seen. */
  readonly #looks: FirstLooks;
  #kinds: {revision: number; stores: Map<string, ResourceStore>} = {revision: -1, stores: new Map()};

  constructor(environment: ControllerEnvironment) {
    const {registry, clock, slices} = environment;
    this.#registry = registry;
    this.#slices = slices;
    const tell = errorTeller(environment, 'garbage-collector');
    this.#looks = new FirstLooks(tell);
    this.#queue = new WorkQueue({
      work: (item) => this.#collect(item),
      concurrency: CONCURRENCY,
      clock,
      slices,
      onError: tell,
    });
    this.#graph = new OwnershipGraph((item) => this.#queue.add(item));
    const endStores = followStores(registry, isCollected, {
      changed: (store, {current, previous}) => {
        if (current !== undefined) this.#observe(store, current);
        else if (previous !== undefined) this.#forget(store, previous);
      },
      opened: (store, again) => {
        this.#looks.add(store.resource.plural, this.#scan(store, again));
      },
      closed: (store) => this.#graph.removeStore(store),
    });
    const endKinds = registry.onChange(() => {
      for (const item of this.#unresolved) this.#queue.add(item);
      this.#unresolved.clear();
    });
    this.#end = () => {
      endStores();
      endKinds();
    };
  }

  async close(): Promise<void> {
    const looked = this.#looks.close();
    this.#end();
    await looked;
    await this.#queue.close();
  }

  async #scan(store: ResourceStore, again: boolean): Promise<void> {
    for await (const object of scan(store, this.#slices)) {
      if (mayMatter(object) && store.cache.get(object.key)?.revision === object.revision) this.#observe(store, object);
    }
    if (!again) return;
    for (const key of this.#graph.keysOf(store)) {
      const object = store.cache.get(key);
      if (object === undefined) this.#graph.remove(store, key);
      else this.#observe(store, object);
    }
    // Nobody knows which owners went in between.
    for (const dependent of this.#graph.dependents()) this.#queue.add(itemName(dependent.store, dependent.key));
  }

  #observe(store: ResourceStore, {key, object: {metadata}}: CachedObject): void {
    const {uid = '', ownerReferences = [], finalizers = [], deletionTimestamp} = metadata;
    const item = itemName(store, key);
    if (this.#graph.setReferences(store, key, uid, ownerReferences) && ownerReferences.length > 0)
      this.#queue.add(item);
    const isDeleted = deletionTimestamp !== undefined;
    const isWaiting = isDeleted && finalizers.includes(FOREGROUND);
    if (isWaiting !== this.#graph.isWaiting(uid)) {
      this.#graph.setWaiting(uid, isWaiting ? item : undefined);
      if (isWaiting) this.#queue.add(item);
    }
    if (isDeleted && finalizers.includes(ORPHAN)) this.#queue.add(item);
  }

  #forget(store: ResourceStore, {key, object}: CachedObject): void {
    const {uid = ''} = object.metadata;
    this.#graph.remove(store, key);
    this.#graph.setWaiting(uid, undefined);
    for (const each of this.#graph.dependentsOf(uid)) this.#queue.add(itemName(each.store, each.key));
  }

  async #collect(item: string): Promise<void> {
    await this.#looks.over;
    for (let attempt = 1; ; attempt++) {
      const found = itemOf(this.#registry, item);
      const object = found?.store.cache.get(found.key)?.object;
      if (found === undefined || object === undefined) return;
      try {
        await this.#collectObject(item, found, object);
        return;
      } catch (error) {
        if (isGone(error)) return;
        // It was changed meanwhile: what is to happen to it may have changed, too.
        if (!isConflict(error) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  async #collectObject(
    item: string,
    {store, key}: {store: ResourceStore; key: string},
    object: KubeObject,
  ): Promise<void> {
    const {finalizers = [], deletionTimestamp, ownerReferences = [], uid = ''} = object.metadata;
    if (deletionTimestamp !== undefined) {
      if (finalizers.includes(ORPHAN)) await this.#orphanDependents(store, key, uid);
      else if (finalizers.includes(FOREGROUND)) await this.#cascade(store, key, uid);
      return;
    }
    if (ownerReferences.length === 0) return;
    const owners = await this.#classify(store, key, ownerReferences);
    if (owners === undefined) this.#unresolved.add(item);
    else await this.#decide(store, key, object.metadata, owners);
  }

  /** @returns undefined: an owner is of a kind that is not served, or cannot own this object: nothing is certain */
  async #classify(
    store: ResourceStore,
    key: string,
    references: readonly OwnerReference[],
  ): Promise<Owners | undefined> {
    const {namespace} = splitKey(key);
    const owners: Owners = {solid: [], dangling: [], waiting: []};
    for (const reference of references) {
      const ownerStore = this.#storeOf(reference);
      if (ownerStore === undefined) return undefined;
      const {namespaced} = ownerStore.resource;
      if (namespaced && !store.resource.namespaced) return undefined;
      const ownerKey = ownerStore.key({namespace}, reference.name);
      let owner = this.#ownerAt(ownerStore, ownerKey, reference);
      if (owner === undefined) {
        // Only the storage knows for certain what is not there.
        await ownerStore.cache.fresh();
        owner = this.#ownerAt(ownerStore, ownerKey, reference);
      }
      if (owner === undefined) owners.dangling.push(reference);
      else if (owner.deletionTimestamp !== undefined && owner.finalizers?.includes(FOREGROUND) === true)
        owners.waiting.push(reference);
      else owners.solid.push(reference);
    }
    return owners;
  }

  #ownerAt({cache}: ResourceStore, key: string, {uid}: OwnerReference): ObjectMeta | undefined {
    const metadata = cache.get(key)?.object.metadata;
    return metadata?.uid === uid ? metadata : undefined;
  }

  async #decide(store: ResourceStore, key: string, metadata: ObjectMeta, owners: Owners): Promise<void> {
    const {uid = ''} = metadata;
    const lost = [...owners.dangling, ...owners.waiting];
    if (owners.solid.length > 0) {
      if (lost.length === 0) return;
      const lostUids = new Set(lost.map((reference) => reference.uid));
      await this.#removeReferences(store, key, uid, lostUids);
      return;
    }
    if (owners.waiting.length > 0 && this.#graph.dependentsOf(uid).size > 0) {
      // Two that wait for each other would wait for ever.
      const isCircle = [...this.#graph.dependentsOf(uid)].some((dependent) => this.#graph.isWaiting(dependent.uid));
      if (isCircle) await this.#unblockOwners(store, key, uid);
      await this.#delete(store, key, isCircle ? {uid} : metadata, 'Foreground');
      return;
    }
    await this.#delete(store, key, metadata, ownPolicy(metadata));
  }

  /** Removes what holds an owner whose dependents are gone; the first time, all of them are looked at. */
  async #cascade(store: ResourceStore, key: string, uid: string): Promise<void> {
    for (const each of this.#graph.cascade(uid)) this.#queue.add(itemName(each.store, each.key));
    if (!this.#graph.isBlocked(uid)) await this.#removeFinalizer(store, key, uid, FOREGROUND);
  }

  async #orphanDependents(store: ResourceStore, key: string, uid: string): Promise<void> {
    const own = new Set([uid]);
    await this.#slices.forEach([...this.#graph.dependentsOf(uid)], CONCURRENCY, async (dependent) => {
      await this.#removeReferences(dependent.store, dependent.key, dependent.uid, own).catch((error: unknown) => {
        if (!isGone(error)) throw error;
      });
    });
    await this.#removeFinalizer(store, key, uid, ORPHAN);
  }

  async #removeReferences(store: ResourceStore, key: string, uid: string, owners: ReadonlySet<string>): Promise<void> {
    await this.#changeMetadata(store, key, uid, ({ownerReferences = [], ...metadata}) => {
      const left = ownerReferences.filter((reference) => !owners.has(reference.uid));
      return left.length > 0 ? {...metadata, ownerReferences: left} : metadata;
    });
  }

  async #unblockOwners(store: ResourceStore, key: string, uid: string): Promise<void> {
    await this.#changeMetadata(store, key, uid, ({ownerReferences = [], ...metadata}) => ({
      ...metadata,
      ownerReferences: ownerReferences.map((reference) => ({...reference, blockOwnerDeletion: false})),
    }));
  }

  async #removeFinalizer(store: ResourceStore, key: string, uid: string, finalizer: string): Promise<void> {
    await this.#changeMetadata(store, key, uid, ({finalizers = [], ...metadata}) => {
      const left = finalizers.filter((each) => each !== finalizer);
      return left.length > 0 ? {...metadata, finalizers: left} : metadata;
    });
  }

  async #changeMetadata(
    store: ResourceStore,
    key: string,
    uid: string,
    change: (metadata: ObjectMeta) => ObjectMeta,
  ): Promise<void> {
    const context = controllerContext(ACCOUNT, store, key, {verb: 'patch'});
    await store.update(context, context.name, (current) => ({...current, metadata: change(current.metadata)}), {uid});
  }

  async #delete(
    store: ResourceStore,
    key: string,
    {uid, resourceVersion}: ObjectMeta,
    propagationPolicy: PropagationPolicy,
  ): Promise<void> {
    const context = controllerContext(ACCOUNT, store, key, {verb: 'delete'});
    const preconditions = {...(uid !== undefined && {uid}), ...(resourceVersion !== undefined && {resourceVersion})};
    await store.delete(context, context.name, {preconditions, propagationPolicy});
  }

  #storeOf({apiVersion, kind}: OwnerReference): ResourceStore | undefined {
    if (this.#kinds.revision !== this.#registry.revision) {
      this.#kinds = {revision: this.#registry.revision, stores: storesByKind(this.#registry)};
    }
    return this.#kinds.stores.get(`${apiVersion} ${kind}`);
  }
}

/** Events are many, and go by themselves. */
function isCollected(resource: Resource): boolean {
  return (
    resource.review === undefined &&
    resource.view === undefined &&
    !(resource.plural === 'events' && resource.group === '') &&
    (resource.verbs === undefined || resource.verbs.includes('delete'))
  );
}

function mayMatter(object: CachedObject): boolean {
  return object.mentions('"ownerReferences"') || object.mentions('"deletionTimestamp"');
}

function storesByKind(registry: Registry): Map<string, ResourceStore> {
  const stores = new Map<string, ResourceStore>();
  for (const {group, plural, kind, versions} of registry.resources()) {
    const store = registry.get(group, plural);
    if (store === undefined) continue;
    for (const {name, served} of versions) if (served) stores.set(`${apiVersionOf(group, name)} ${kind}`, store);
  }
  return stores;
}

/** In the way that somebody asked for before: by a finalizer. */
function ownPolicy({finalizers = []}: ObjectMeta): PropagationPolicy {
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}
