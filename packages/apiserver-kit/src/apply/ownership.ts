import type {JsonObject, JsonValue} from '../json/json-value.ts';
import {type Conflict, ConflictsError} from './apply-conflict.ts';
import {type Comparison, compare} from './compare.ts';
import {
  difference,
  emptySet,
  type FieldSet,
  intersection,
  isEmptySet,
  pathsOf,
  recursiveDifference,
  union,
} from './field-set.ts';
import type {Manager, Managers} from './managed-fields.ts';
import {merge} from './merge.ts';
import {ownedPaths} from './owned-paths.ts';
import {removePaths} from './remove-paths.ts';
import {reconcileWithSchema, withNamedFields} from './schema-sets.ts';
import type {ValueType} from './value-type.ts';

/** What a version of a kind is; undefined: there is no such version (any more). */
export type TypeOfVersion = (apiVersion: string) => ValueType | undefined;

export interface OwnershipOptions {
  typeOf: TypeOfVersion;
  /** Paths that requests cannot change: nobody comes to own them. */
  reset: FieldSet;
  /**
   * Those who own fields in another version than that of the request lose even what it cannot change. That is how Kubernetes treats
   * custom objects.
   */
  resetOnlyInVersion: boolean;
}

/** What counts of a comparison: what owners lose. */
interface Changes {
  changed: FieldSet;
  removed: FieldSet;
}

/** Who owns what after an object has changed: the rules of structured merge and diff. */
export class Ownership {
  readonly #typeOf: TypeOfVersion;
  readonly #reset: FieldSet;
  readonly #resetElsewhere: FieldSet;

  constructor({typeOf, reset, resetOnlyInVersion}: OwnershipOptions) {
    this.#typeOf = typeOf;
    this.#reset = reset;
    this.#resetElsewhere = resetOnlyInVersion ? emptySet : reset;
  }

  /**
   * Takes from all managers what has changed or is gone, and tells what the change is: whoever made it owns it.
   *
   * @returns undefined where nothing has changed
   * @throws ListItemError
   */
  update(live: JsonObject, next: JsonObject, apiVersion: string, managers: Managers): FieldSet | undefined {
    const comparison = compare(this.#typeOf(apiVersion)!, live, next);
    if (isSame(comparison)) return undefined;
    this.#reconcile(managers);
    this.#disown({live, next, apiVersion, comparison, managers, force: true});
    return recursiveDifference(union(comparison.modified, comparison.added), this.#reset);
  }

  /**
   * Puts what is applied over what is there, and takes away what the manager applied before, does not apply now, and nobody else owns.
   *
   * @throws ConflictsError, ListItemError
   */
  apply(options: {
    live: JsonObject;
    applied: JsonObject;
    apiVersion: string;
    managers: Managers;
    id: string;
    manager: Omit<Manager, 'set'>;
    force: boolean;
  }): JsonObject {
    const {live, applied, apiVersion, managers, id, force} = options;
    const type = this.#typeOf(apiVersion)!;
    this.#reconcile(managers);
    const merged = merge(type, live, applied) as JsonObject;
    const last = managers.get(id);
    const set = recursiveDifference(ownedPaths(type, applied), this.#reset);
    managers.set(id, {...options.manager, set});
    const next = this.#prune(merged, managers, last, set);
    this.#disown({live, next, apiVersion, comparison: compare(type, live, next), managers, force, self: id});
    return next;
  }

  #reconcile(managers: Managers): void {
    for (const [id, manager] of managers) {
      const type = this.#typeOf(manager.apiVersion);
      // Those of versions that are gone are forgotten.
      if (type === undefined) managers.delete(id);
      else this.#put(managers, id, manager, reconcileWithSchema(type, manager.set));
    }
  }

  #put(managers: Managers, id: string, manager: Manager, set: FieldSet): void {
    if (isEmptySet(set)) managers.delete(id);
    else if (set !== manager.set) managers.set(id, {...manager, set});
  }

  /** Takes what has changed from its owners. @throws ConflictsError without force */
  #disown(change: {
    live: JsonObject;
    next: JsonObject;
    apiVersion: string;
    comparison: Comparison;
    managers: Managers;
    force: boolean;
    self?: string;
  }): void {
    const {live, next, managers, self} = change;
    const versions = new Map([[change.apiVersion, counted(change.comparison, this.#reset)]]);
    const changesIn = (apiVersion: string): Changes => {
      let changes = versions.get(apiVersion);
      if (changes === undefined) {
        const type = this.#typeOf(apiVersion)!;
        const same = type === this.#typeOf(change.apiVersion);
        changes = counted(same ? change.comparison : compare(type, live, next), this.#resetElsewhere);
        versions.set(apiVersion, changes);
      }
      return changes;
    };
    const conflicts: Conflict[] = [];
    const left: [id: string, manager: Manager, set: FieldSet][] = [];
    for (const [id, manager] of managers) {
      if (id === self) continue;
      const {changed, removed} = changesIn(manager.apiVersion);
      const lost = intersection(manager.set, changed);
      if (!change.force) for (const path of pathsOf(lost)) conflicts.push({id, manager, path});
      left.push([id, manager, difference(difference(manager.set, lost), removed)]);
    }
    if (conflicts.length > 0) throw new ConflictsError(conflicts);
    for (const [id, manager, set] of left) this.#put(managers, id, manager, set);
    const own = self === undefined ? undefined : managers.get(self);
    if (own && isEmptySet(own.set)) managers.delete(self!);
  }

  #prune(merged: JsonObject, managers: Managers, last: Manager | undefined, set: FieldSet): JsonObject {
    if (last === undefined || isEmptySet(difference(last.set, set))) return merged;
    const type = this.#typeOf(last.apiVersion);
    if (type === undefined) return merged;
    const lastSet = withNamedFields(type, last.set);
    const pruned = this.#addBackOwned(merged, removePaths(type, merged, lastSet), last.apiVersion, managers);
    // What the manager did not apply before is not its own to take away: others may have put it there who do not apply.
    const gone = difference(
      withNamedFields(type, ownedPaths(type, merged)),
      withNamedFields(type, ownedPaths(type, pruned)),
    );
    return removePaths(type, merged, intersection(gone, lastSet)) as JsonObject;
  }

  #addBackOwned(merged: JsonValue, pruned: JsonValue, first: string, managers: Managers): JsonValue {
    const owned = new Map<string, FieldSet>([[first, {}]]);
    for (const {apiVersion, set} of managers.values()) owned.set(apiVersion, union(owned.get(apiVersion) ?? {}, set));
    let result = pruned;
    for (const [apiVersion, set] of owned) {
      const type = this.#typeOf(apiVersion);
      if (type === undefined || isEmptySet(set)) continue;
      const keep = union(withNamedFields(type, ownedPaths(type, result)), withNamedFields(type, set));
      result = removePaths(type, merged, difference(withNamedFields(type, ownedPaths(type, merged)), keep));
    }
    return result;
  }
}

function counted({added, modified, removed}: Comparison, reset: FieldSet): Changes {
  return {
    changed: recursiveDifference(union(modified, added), reset),
    removed: recursiveDifference(removed, reset),
  };
}

function isSame({added, modified, removed}: Comparison): boolean {
  return isEmptySet(added) && isEmptySet(modified) && isEmptySet(removed);
}
