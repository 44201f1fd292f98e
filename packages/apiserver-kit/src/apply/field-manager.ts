import {StatusError, statusErrors} from '../errors/status-error.ts';
import {decodeJson} from '../json/decode-json.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject, ManagedFieldsEntry, ObjectMeta} from '../kube-object.ts';
import type {Schema} from '../schema/schema.ts';
import {ConflictsError} from './apply-conflict.ts';
import {checkValue} from './check-value.ts';
import {compare} from './compare.ts';
import {difference, type FieldSet, fieldPathSet, hasPath, isEmptySet, union} from './field-set.ts';
import {lastApplied, withLastApplied} from './last-applied.ts';
import {
  capUpdateManagers,
  decodeManagers,
  encodeManagers,
  type Managers,
  managerId,
  parseManagers,
  wholeSeconds,
} from './managed-fields.ts';
import {ownedPaths} from './owned-paths.ts';
import {Ownership} from './ownership.ts';
import {ListItemError} from './path-element.ts';
import {typeOfCustomKind, typeOfSchema, type ValueType} from './value-type.ts';

export interface FieldManagerOptions {
  kind: string;
  /** Of a custom kind: what metadata is need not stand in the schema. */
  custom: boolean;
  /** The schema of a version (`apps/v1`); `schema` is undefined where anything may stand, the whole where there is no such version. */
  version: (apiVersion: string) => {schema: Schema | undefined} | undefined;
  /**
   * An object of a built-in kind of which nothing is set yet, as it is written: `{spec: {}, status: {}}`. What stands in it is never
   * owned for having been added. Default: an empty object.
   */
  empty?: JsonObject;
  /** Paths that a request for a subresource (or for the object itself: the empty string) cannot change: `{'': ['status'], status: ['spec']}`. */
  reset?: Readonly<Record<string, readonly string[]>>;
}

export interface UpdateContext {
  /** @see RequestContext.fieldManager */
  manager: string;
  /** Empty: the object itself. */
  subresource: string;
  apiVersion: string;
  time: Date;
}

export interface ApplyRequest extends UpdateContext {
  /** As it is now; undefined: there is none. */
  live: KubeObject | undefined;
  /** What the client sent. */
  applied: KubeObject;
  /** Takes what others own. */
  force: boolean;
}

/** Fields that belong to nobody: Kubernetes itself sets them, or they say which object it is. */
const neverManaged = fieldPathSet(
  'apiVersion',
  'kind',
  'metadata',
  'metadata.name',
  'metadata.namespace',
  'metadata.creationTimestamp',
  'metadata.selfLink',
  'metadata.uid',
  'metadata.clusterName',
  'metadata.generation',
  'metadata.managedFields',
  'metadata.resourceVersion',
);

/**
 * Keeps `metadata.managedFields` of one kind, and carries out server-side apply.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
 */
export class FieldManager {
  readonly #options: FieldManagerOptions;
  readonly #ownerships = new Map<string, Ownership>();

  constructor(options: FieldManagerOptions) {
    this.#options = options;
  }

  /**
   * An object with the managed fields it has after a create (`live` is undefined), an update or a patch. Both objects are as they are stored, with all
   * defaults; they are not changed. A client that sends `managedFields` of its own replaces what is known; with `[{}]` (of built-in kinds `[]`, too), by nothing.
   */
  updated({live, next, context}: {live: KubeObject | undefined; next: KubeObject; context: UpdateContext}): KubeObject {
    const before = this.#before(live, next, context.subresource);
    // Nobody's fields are followed once they were reset, until somebody applies.
    if (before.size === 0 && live?.metadata.uid !== undefined) return withManagedFields(next, undefined);
    try {
      const managers = new Map(before);
      const id = this.#update(withoutManagedFields(live), next, context, managers);
      if (id === undefined) return withManagedFields(next, sameEntries(live, before));
      capUpdateManagers(managers);
      return withManagedFields(next, encodeManagers(managers));
    } catch (error) {
      if (error instanceof ListItemError) return withManagedFields(next, undefined);
      throw error;
    }
  }

  /**
   * The object after an apply, with its managed fields. Members may be null where something was taken away, and defaults are not filled in.
   *
   * @throws StatusError 400, 409 (with a cause for each conflict), 500 for what does not fit the schema
   */
  apply(request: ApplyRequest): KubeObject {
    const {live, applied, apiVersion, manager} = request;
    this.#checkApplied(request);
    const bare = withoutManagedFields(live) ?? this.#empty(apiVersion);
    try {
      const {object, managers} = this.#applyOrConflict(bare, request);
      const synced = manager === 'kubectl' ? withLastApplied(object, applied) : object;
      return withManagedFields(synced, encodeManagers(managers));
    } catch (error) {
      if (error instanceof ConflictsError) throw error.toStatusError();
      if (!(error instanceof ListItemError)) throw error;
      const message = checkValue(this.#typeOf(apiVersion)!, bare, {repeated: true}) ?? error.message;
      throw plainError(`failed to create typed live object (${describe(bare)}): ${message}`);
    }
  }

  /** @throws ConflictsError, ListItemError where the live object does not fit the schema */
  #applyOrConflict(bare: KubeObject, request: ApplyRequest): {object: KubeObject; managers: Managers} {
    const managers = decodeManagers(request.live?.metadata.managedFields);
    if (managers.size === 0) this.#update(undefined, bare, {...request, manager: 'before-first-apply'}, managers);
    try {
      return this.#apply(bare, request, managers);
    } catch (error) {
      if (!(error instanceof ConflictsError) || request.manager !== 'kubectl') throw error;
      const rest = this.#beyondLastApplied(error, bare, request.apiVersion);
      if (rest) throw rest;
      return this.#apply(bare, {...request, force: true}, managers);
    }
  }

  #checkApplied({applied, apiVersion}: ApplyRequest): void {
    const type = this.#typeOf(apiVersion)!;
    if (applied.apiVersion !== apiVersion || applied.kind !== this.#options.kind) {
      throw statusErrors.badRequest(`invalid object type: ${describeKind(applied)}`);
    }
    const metadata: JsonObject | undefined = applied.metadata;
    if ((metadata?.['managedFields'] ?? null) !== null) {
      throw statusErrors.badRequest('metadata.managedFields must be nil');
    }
    const message = checkValue(type, applied);
    if (message !== undefined) {
      throw plainError(`failed to create typed patch object (${describe(applied)}): ${message}`);
    }
  }

  #apply(live: KubeObject, request: ApplyRequest, before: Managers): {object: KubeObject; managers: Managers} {
    const {applied, apiVersion, subresource, force} = request;
    const managers = new Map(before);
    const identity = {name: request.manager, operation: 'Apply', apiVersion, subresource} as const;
    const id = managerId(identity);
    const next = this.#ownership(subresource).apply({
      live,
      applied,
      apiVersion,
      managers,
      id,
      manager: {...identity, time: before.get(id)?.time},
      force,
    }) as KubeObject;
    const same = jsonEqual(live, next);
    const own = managers.get(id);
    if (own) {
      const set = difference(own.set, neverManaged);
      if (isEmptySet(set)) managers.delete(id);
      else managers.set(id, {...own, set, time: same ? own.time : wholeSeconds(request.time)});
    }
    return {object: same ? live : next, managers};
  }

  /** Who updated; undefined where nothing changed. */
  #update(
    live: KubeObject | undefined,
    next: KubeObject,
    {manager, subresource, apiVersion, time}: UpdateContext,
    managers: Managers,
  ): string | undefined {
    const old = live ?? this.#empty(apiVersion);
    const bare = withoutManagedFields(next);
    const changed = this.#ownership(subresource).update(old, bare, apiVersion, managers);
    if (changed === undefined) return undefined;
    const identity = {name: manager, operation: 'Update', apiVersion, subresource} as const;
    const id = managerId(identity);
    const set = difference(changed, neverManaged);
    if (!isEmptySet(set)) {
      const previous = managers.get(id);
      managers.set(id, {
        ...identity,
        time: wholeSeconds(time),
        set: previous ? union(previous.set, set) : set,
        ...(previous?.entry && {entry: previous.entry}),
      });
    }
    return id;
  }

  /** What is known of the managers before an update: what the client says, or else what is stored. */
  #before(live: KubeObject | undefined, next: KubeObject, subresource: string): Managers {
    const stored = live?.metadata.managedFields;
    const sent: JsonValue | undefined = next.metadata.managedFields;
    if (subresource !== '' || sent === undefined || sent === null || sent === stored) return decodeManagers(stored);
    if (isReset(sent, this.#options.custom)) return new Map();
    if (stored && jsonEqual(sent, stored)) return decodeManagers(stored);
    try {
      const managers = parseManagers(sent);
      if (managers.size > 0) return managers;
    } catch {
      // What cannot be read is not believed.
    }
    return decodeManagers(stored);
  }

  /** Conflicts that are not with what kubectl applied itself, before it did so on the server; undefined where there are none. */
  #beyondLastApplied(error: ConflictsError, live: KubeObject, apiVersion: string): ConflictsError | undefined {
    const own = this.#lastAppliedPaths(live, apiVersion);
    if (own === undefined) return error;
    const conflicts = error.conflicts.filter(({path}) => !hasPath(own, path));
    return conflicts.length > 0 ? new ConflictsError(conflicts) : undefined;
  }

  #lastAppliedPaths(live: KubeObject, apiVersion: string): FieldSet | undefined {
    const text = lastApplied(live);
    if (text === undefined) return undefined;
    const type = this.#typeOf(apiVersion)!;
    let last: JsonValue;
    try {
      last = decodeJson(text).value;
    } catch {
      return undefined;
    }
    if (!isJsonObject(last) || last['apiVersion'] !== apiVersion || checkValue(type, last) !== undefined) {
      return undefined;
    }
    const {added, modified, removed} = compare(type, last, live);
    return difference(difference(difference(ownedPaths(type, last), modified), added), removed);
  }

  #empty(apiVersion: string): KubeObject {
    return {...this.#options.empty, apiVersion, kind: this.#options.kind, metadata: {}};
  }

  #typeOf = (apiVersion: string): ValueType | undefined => {
    const version = this.#options.version(apiVersion);
    if (version === undefined) return undefined;
    const {schema} = version;
    return this.#options.custom || schema === undefined ? typeOfCustomKind(schema) : typeOfSchema(schema);
  };

  #ownership(subresource: string): Ownership {
    let ownership = this.#ownerships.get(subresource);
    if (ownership === undefined) {
      const reset = fieldPathSet(...(this.#options.reset?.[subresource] ?? []));
      const resetOnlyInVersion = this.#options.custom && subresource === '';
      ownership = new Ownership({typeOf: this.#typeOf, reset, resetOnlyInVersion});
      this.#ownerships.set(subresource, ownership);
    }
    return ownership;
  }
}

/**
 * An object about to be stored, with the managed fields of the present one where nothing else differs but their times: then nothing is to be
 * written.
 */
export function withoutNewTimes(live: KubeObject, next: KubeObject): KubeObject {
  const before = live.metadata.managedFields ?? [];
  const after = next.metadata.managedFields ?? [];
  if (before === after || before.length !== after.length) return next;
  const timeless = (entry: ManagedFieldsEntry): JsonObject => ({...entry, time: ''});
  if (!jsonEqual(before.map(timeless), after.map(timeless))) return next;
  if (!jsonEqual(withManagedFields(live, undefined), withManagedFields(next, undefined))) return next;
  return withManagedFields(next, live.metadata.managedFields);
}

/** An empty list of entries, or one empty entry. Custom objects lose an empty list before it can say anything. */
function isReset(sent: JsonValue, custom: boolean): boolean {
  if (!Array.isArray(sent)) return false;
  if (sent.length !== 1) return sent.length === 0 && !custom;
  return isJsonObject(sent[0]) && Object.keys(sent[0]).length === 0;
}

/** The entries as they are stored, where the managers are the stored ones. */
function sameEntries(live: KubeObject | undefined, managers: Managers): ManagedFieldsEntry[] | undefined {
  const stored = live?.metadata.managedFields;
  const known =
    stored?.length === managers.size &&
    stored.every((entry) => [...managers.values()].some((manager) => manager.entry === entry));
  return known ? stored : encodeManagers(managers);
}

function withManagedFields(object: KubeObject, managedFields: ManagedFieldsEntry[] | undefined): KubeObject {
  if (object.metadata.managedFields === managedFields) return object;
  const {managedFields: _, ...rest} = object.metadata;
  const metadata: ObjectMeta = managedFields === undefined ? rest : {...rest, managedFields};
  return {...object, metadata};
}

/** An object as nobody owns it. */
export function withoutManagedFields<T extends KubeObject | undefined>(object: T): T {
  return object && object.metadata.managedFields !== undefined ? (withManagedFields(object, undefined) as T) : object;
}

/** Of what is no request's fault in Kubernetes: it answers 500 without a reason. */
function plainError(message: string): StatusError {
  return new StatusError(500, '', message);
}

function describe(object: KubeObject): string {
  const {namespace = '', name = ''} = object.metadata;
  return `${namespace}/${name}; ${describeKind(object)}`;
}

function describeKind({apiVersion = '', kind = ''}: Partial<KubeObject>): string {
  const slash = apiVersion.indexOf('/');
  const group = slash < 0 ? '' : apiVersion.slice(0, slash);
  return `${group}/${apiVersion.slice(slash + 1)}, Kind=${kind}`;
}
