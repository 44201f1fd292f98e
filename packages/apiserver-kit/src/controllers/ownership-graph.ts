import type {OwnerReference} from '../kube-object.ts';
import type {ResourceStore} from '../registry/resource-store.ts';

/** An object that has owners. */
export interface Dependent {
  readonly store: ResourceStore;
  readonly key: string;
  readonly uid: string;
  links: readonly Link[];
}

interface Link {
  owner: Owner;
  /** `blockOwnerDeletion` */
  blocks: boolean;
}

/** Somebody who is named as an owner, whether he exists or not, or who waits for those that name him. */
interface Owner {
  readonly uid: string;
  readonly dependents: Set<Dependent>;
  /** How many of them keep him from going. */
  blocking: number;
  /** Name of the item, while it is deleted in the foreground. */
  waiting: string | undefined;
  /** All that he had when he began to wait were told to go. */
  hasCascaded: boolean;
}

/** Who owns whom. Only objects with owners are in it, and owners that are waited for. */
export class OwnershipGraph {
  readonly #dependents = new Map<ResourceStore, Map<string, Dependent>>();
  readonly #owners = new Map<string, Owner>();
  readonly #onFree: (waiting: string) => void;

  /** @param onFree told which item waits for nobody any more */
  constructor(onFree: (waiting: string) => void) {
    this.#onFree = onFree;
  }

  /** Number of objects with owners, and of owners: nothing else takes memory. */
  get size(): {dependents: number; owners: number} {
    let dependents = 0;
    for (const each of this.#dependents.values()) dependents += each.size;
    return {dependents, owners: this.#owners.size};
  }

  /** @returns whether its owners are others than before */
  setReferences(store: ResourceStore, key: string, uid: string, references: readonly OwnerReference[]): boolean {
    const present = this.#dependents.get(store)?.get(key);
    if (present !== undefined && present.uid !== uid) this.remove(store, key);
    const dependent = present?.uid === uid ? present : undefined;
    if (dependent === undefined && references.length === 0) return false;
    if (dependent !== undefined && isSame(dependent.links, references)) return false;
    const changed = dependent ?? {store, key, uid, links: []};
    const previous = changed.links;
    changed.links = references.map((reference) => ({
      owner: this.#owner(reference.uid),
      blocks: reference.blockOwnerDeletion === true,
    }));
    for (const {owner, blocks} of changed.links) {
      owner.dependents.add(changed);
      if (blocks) owner.blocking++;
    }
    this.#unlink(changed, previous);
    if (references.length === 0) this.#dependentsOf(store).delete(key);
    else if (dependent === undefined) this.#dependentsOf(store).set(key, changed);
    return true;
  }

  /** An object is gone, or has no owners. */
  remove(store: ResourceStore, key: string): void {
    const dependents = this.#dependents.get(store);
    const dependent = dependents?.get(key);
    if (dependent === undefined) return;
    dependents!.delete(key);
    const {links} = dependent;
    dependent.links = [];
    this.#unlink(dependent, links);
  }

  /** A resource is not served any more. */
  removeStore(store: ResourceStore): void {
    for (const key of [...(this.#dependents.get(store)?.keys() ?? [])]) this.remove(store, key);
    this.#dependents.delete(store);
  }

  /** Keys of the objects of a resource that have owners. */
  keysOf(store: ResourceStore): string[] {
    return [...(this.#dependents.get(store)?.keys() ?? [])];
  }

  /** All objects that have owners. */
  *dependents(): Iterable<Dependent> {
    for (const dependents of this.#dependents.values()) yield* dependents.values();
  }

  dependentsOf(uid: string): ReadonlySet<Dependent> {
    return this.#owners.get(uid)?.dependents ?? nobody;
  }

  /** Whether there are dependents that keep their owner from going. */
  isBlocked(uid: string): boolean {
    return (this.#owners.get(uid)?.blocking ?? 0) > 0;
  }

  /** An object waits for its dependents from now on, or does not any more (undefined). */
  setWaiting(uid: string, item: string | undefined): void {
    const owner = item === undefined ? this.#owners.get(uid) : this.#owner(uid);
    if (owner === undefined) return;
    owner.waiting = item;
    if (item !== undefined) return;
    owner.hasCascaded = false;
    this.#forgetUnused(owner);
  }

  /** Whether an object waits for its dependents. */
  isWaiting(uid: string): boolean {
    return this.#owners.get(uid)?.waiting !== undefined;
  }

  /** The dependents of an object that waits, the first time that it is asked for. */
  *cascade(uid: string): Iterable<Dependent> {
    const owner = this.#owners.get(uid);
    if (owner === undefined || owner.hasCascaded) return;
    owner.hasCascaded = true;
    yield* owner.dependents;
  }

  #unlink(dependent: Dependent, links: readonly Link[]): void {
    for (const {owner, blocks} of links) {
      if (blocks) owner.blocking--;
      if (!dependent.links.some((link) => link.owner === owner)) owner.dependents.delete(dependent);
      if (blocks && owner.blocking === 0 && owner.waiting !== undefined) this.#onFree(owner.waiting);
      this.#forgetUnused(owner);
    }
  }

  #owner(uid: string): Owner {
    let owner = this.#owners.get(uid);
    if (owner === undefined) {
      owner = {uid, dependents: new Set(), blocking: 0, waiting: undefined, hasCascaded: false};
      this.#owners.set(uid, owner);
    }
    return owner;
  }

  #forgetUnused({uid, dependents, waiting}: Owner): void {
    if (dependents.size === 0 && waiting === undefined) this.#owners.delete(uid);
  }

  #dependentsOf(store: ResourceStore): Map<string, Dependent> {
    let dependents = this.#dependents.get(store);
    if (dependents === undefined) this.#dependents.set(store, (dependents = new Map()));
    return dependents;
  }
}

const nobody: ReadonlySet<Dependent> = new Set();

function isSame(links: readonly Link[], references: readonly OwnerReference[]): boolean {
  return (
    links.length === references.length &&
    links.every(({owner, blocks}, index) => {
      const {uid, blockOwnerDeletion = false} = references[index]!;
      return owner.uid === uid && blocks === blockOwnerDeletion;
    })
  );
}
