import {randomUUID} from 'node:crypto';
import type {AdmissionAttributes, AdmissionPlugin, Operation} from '../admission/admission.ts';
import {type FieldManager, withoutManagedFields, withoutNewTimes} from '../apply/field-manager.ts';
import {type CachedObject, type CacheWrite, ResourceCache} from '../cache/resource-cache.ts';
import type {Clock} from '../clock.ts';
import type {FieldError} from '../errors/field-error.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {giveWay} from '../flow/give-way.ts';
import {decodeJson} from '../json/decode-json.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson, isJsonObject} from '../json/json-value.ts';
import {withSortedKeys} from '../json/sorted-keys.ts';
import {apiVersionOf, type KubeObject, type ObjectMeta} from '../kube-object.ts';
import {applyDefaults} from '../schema/defaults.ts';
import {validateObject} from '../schema/validate-object.ts';
import {type ResourceStorage, StorageError, type StoredObject} from '../storage/storage.ts';
import {checkPreconditions, type DeleteOptions, deletionStep, timestamp} from './deletion.ts';
import {fieldManagerOf} from './field-manager-of.ts';
import {generatedName} from './generated-name.ts';
import {pathSegmentProblems, subdomainProblems} from './name-rules.ts';
import {validateObjectMeta, validateObjectMetaUpdate} from './object-meta-validation.ts';
import type {RequestContext} from './request-context.ts';
import type {Resource, ResourceVersion} from './resource.ts';
import {type StoredAnswer, unstored} from './stored-answer.ts';
import {StoredSize} from './stored-size.ts';
import {VersionRules} from './version-rules.ts';

/** What the stores of a server share. */
export interface StoreEnvironment {
  clock: Clock;
  /** From 0 to 1, excluding 1: for generated names. */
  random(): number;
  /** In the order in which they are asked. */
  admission(): readonly AdmissionPlugin[];
}

export interface CreateOptions {
  /** The object went through {@link VersionRules.shape} and belongs to the store. */
  isShaped?: boolean;
  /** Of the request, for admission. */
  options?: KubeObject;
  /** The managed fields of the object are right already: server-side apply has seen to them. */
  keepManagedFields?: boolean;
}

export interface UpdateOptions {
  /** What the change makes went through {@link VersionRules.shape} and shares nothing with the current object. */
  isShaped?: boolean;
  options?: KubeObject;
  /** Makes an object that is not there yet; undefined: that is an error. */
  create?: () => KubeObject | Promise<KubeObject>;
  /** The object must still have this UID. */
  uid?: string | undefined;
  /** The managed fields are right already: server-side apply has seen to them. Default: what has changed is the writer's. */
  keepManagedFields?: boolean;
}

/** What a change makes of an object. It may be called again, with another state of it. */
export type Change = (current: KubeObject) => KubeObject | Promise<KubeObject>;

export interface Deletion {
  /** As it is now, or was last. */
  object: StoredAnswer;
  /** False: it lingers. */
  isGone: boolean;
}

const GENERATED_NAME_ATTEMPTS = 8;
const UPDATE_ATTEMPTS = 100;

/** The objects of one resource, and the rules by which they come, change and go. */
export class ResourceStore {
  #cache: ResourceCache;
  readonly #storage: ResourceStorage;
  /** Those under way, by the cache that they go through. */
  readonly #writes = new WeakMap<ResourceCache, Set<Promise<unknown>>>();
  #resource: Resource;
  #rules = new Map<string, VersionRules>();
  #fieldManager: FieldManager | undefined;
  readonly #environment: StoreEnvironment;

  static async open(
    resource: Resource,
    storage: ResourceStorage,
    environment: StoreEnvironment,
  ): Promise<ResourceStore> {
    return new ResourceStore(resource, storage, environment, await openCache(resource, storage, environment));
  }

  private constructor(
    resource: Resource,
    storage: ResourceStorage,
    environment: StoreEnvironment,
    cache: ResourceCache,
  ) {
    this.#resource = resource;
    this.#storage = storage;
    this.#environment = environment;
    this.#cache = cache;
  }

  /** Another one after {@link reopen}. */
  get cache(): ResourceCache {
    return this.#cache;
  }

  get resource(): Resource {
    return this.#resource;
  }

  /** Goes on with another definition of the same resource. */
  redefine(resource: Resource): void {
    this.#resource = resource;
    this.#rules = new Map();
    this.#fieldManager = undefined;
  }

  /** Reads what is stored in the light of the present definition. All watches end. */
  async reopen(): Promise<void> {
    const previous = this.#cache;
    this.#cache = await openCache(this.#resource, this.#storage, this.#environment);
    // What is being written through it must be heard of, or nobody knows whether it was stored.
    for (let writes = this.#writes.get(previous); writes && writes.size > 0; ) await Promise.allSettled(writes);
    previous.close();
  }

  async #write(write: CacheWrite): Promise<CachedObject | undefined> {
    const cache = this.#cache;
    let writes = this.#writes.get(cache);
    if (writes === undefined) this.#writes.set(cache, (writes = new Set()));
    const written = cache.write(write);
    writes.add(written);
    try {
      return await written;
    } finally {
      writes.delete(written);
    }
  }

  /** The rules of a version. */
  rules(version: string): VersionRules {
    let rules = this.#rules.get(version);
    if (rules === undefined) {
      const found = this.#resource.versions.find(({name}) => name === version);
      if (found === undefined) throw statusErrors.unknownResource();
      rules = new VersionRules(this.#resource, found);
      this.#rules.set(version, rules);
    }
    return rules;
  }

  /** Of an object of this resource in the cache and in the storage. */
  key({namespace}: {namespace: string}, name: string): string {
    return this.#resource.namespaced ? `${namespace}/${name}` : name;
  }

  /** @throws StatusError 404 */
  get(context: RequestContext, name: string): StoredAnswer {
    const found = this.cache.get(this.key(context, name));
    if (found === undefined) throw this.#notFound(name);
    return found;
  }

  /**
   * Stores a new object.
   *
   * @throws StatusError 409 where there is one of this name, 422, and what admission refuses with
   */
  async create(context: RequestContext, object: KubeObject, options: CreateOptions = {}): Promise<StoredAnswer> {
    const rules = this.rules(context.version);
    const shaped = options.isShaped === true ? object : rules.shape(object, () => {});
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === GENERATED_NAME_ATTEMPTS || (shaped.metadata.name ?? '') !== '';
      try {
        return await this.#createOnce(context, isLast ? shaped : cloneJson(shaped), options);
      } catch (error) {
        if (isLast || !(error instanceof StatusError) || error.reason !== 'AlreadyExists') throw error;
      }
    }
  }

  async #createOnce(context: RequestContext, shaped: KubeObject, options: CreateOptions): Promise<StoredAnswer> {
    const {strategy} = this.#resource;
    const rules = this.rules(context.version);
    const size = this.#sizeOf(shaped);
    const resourceVersion = shaped.metadata.resourceVersion ?? '';
    // What the server sets from here on was written by nobody.
    const object = {
      ...this.#withManagedFields(context, undefined, this.#newObject(context, shaped), {...options, size}),
    };
    await giveWay(size.bytes);
    object.metadata = {...object.metadata};
    if (this.#resource.custom && rules.version.subresources.status === true) delete object['status'];
    const admission = {operation: 'CREATE', context, object, oldObject: undefined, options: options.options} as const;
    await this.#admit(admission);
    // A generated name is there for the rules of the kind: Namespaces have it as a label.
    const name = this.#completeMetadata(object.metadata, context);
    await strategy.prepareForCreate?.(object, context);
    const errors = await this.#validate(object, undefined, context, rules);
    if (errors.length > 0) throw this.#invalid(object, errors);
    await giveWay(size.bytes);
    strategy.canonicalize?.(object);
    for (const warning of strategy.warnings?.(object, undefined) ?? []) context.warn(warning);
    await this.#validateAdmission(admission);
    if (/^[1-9]\d*$/.test(resourceVersion)) {
      throw new StatusError(500, '', 'resourceVersion should not be set on objects to be created');
    }
    const key = this.key(context, name);
    const present = this.cache.get(key);
    if (present !== undefined) throw this.#alreadyExists(name, present.object);
    const stored = this.#inStorageVersion(object, rules);
    if (context.dryRun) return unstored(stored);
    size.assertStorable();
    try {
      return (await this.#write({key, expected: 0, object: stored}))!;
    } catch (error) {
      if (!isConflict(error)) throw error;
      throw this.#alreadyExists(name, this.cache.get(key)?.object);
    }
  }

  /** A copy without what the server sets itself. */
  #newObject(context: RequestContext, shaped: KubeObject): KubeObject {
    const {
      uid: _uid,
      resourceVersion: _version,
      creationTimestamp: _created,
      deletionTimestamp: _deleted,
      deletionGracePeriodSeconds: _grace,
      selfLink: _link,
      ...metadata
    } = shaped.metadata;
    if (this.#resource.namespaced) metadata.namespace = context.namespace;
    else delete metadata.namespace;
    if (this.#hasGeneration) metadata.generation = 1;
    return {...shaped, metadata};
  }

  #completeMetadata(metadata: ObjectMeta, context: RequestContext): string {
    const {generateName = ''} = metadata;
    if ((metadata.name ?? '') === '' && generateName !== '') {
      metadata.name = generatedName(generateName, () => this.#environment.random());
    }
    if (this.#resource.namespaced) metadata.namespace = context.namespace;
    metadata.uid = randomUUID();
    metadata.creationTimestamp = timestamp(this.#now());
    return metadata.name ?? '';
  }

  /**
   * Changes an object. Where the change says no resourceVersion and the kind allows that, or somebody else was faster, it is made again on
   * the newer state.
   *
   * @throws StatusError 404, 409, 422, and what admission refuses with
   */
  async update(
    context: RequestContext,
    name: string,
    change: Change,
    options: UpdateOptions = {},
  ): Promise<{object: StoredAnswer; isNew: boolean}> {
    const key = this.key(context, name);
    for (let attempt = 1; ; attempt++) {
      const current = this.cache.get(key);
      if (current === undefined) {
        if (options.create === undefined) throw this.#notFound(name);
        this.#checkUid(context, name, undefined, options.uid);
        const {isShaped = false, options: requestOptions, keepManagedFields} = options;
        const object = await this.create(context, withoutVersion(await options.create()), {
          isShaped,
          ...(requestOptions && {options: requestOptions}),
          ...(keepManagedFields === true && {keepManagedFields}),
        });
        return {object, isNew: true};
      }
      try {
        return {object: await this.#updateOnce(context, key, current, change, options), isNew: false};
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === UPDATE_ATTEMPTS) throw this.#modified(name);
      }
    }
  }

  async #updateOnce(
    context: RequestContext,
    key: string,
    stored: StoredAnswer & {revision: number},
    change: Change,
    options: UpdateOptions,
  ): Promise<StoredAnswer> {
    const rules = this.rules(context.version);
    const {strategy} = this.#resource;
    const current = this.#inVersion(stored.object, rules.apiVersion);
    const changed = await change(current);
    const shaped = options.isShaped === true ? changed : rules.shape(cloneJson(changed), () => {});
    this.#checkUid(context, current.metadata.name ?? '', current.metadata.uid, options.uid);
    this.#checkVersion(current, shaped);
    const size = this.#sizeOf(shaped);
    // What the server sets from here on was written by nobody.
    const written = this.#withManagedFields(context, current, shaped, {...options, size});
    await giveWay(size.bytes);
    const next = this.#nextObject(context, current, written, rules.version);
    await strategy.prepareForUpdate?.(next, current, context);
    if (this.#hasGeneration) this.#countGeneration(current, next, rules.version);
    const admission = {
      operation: 'UPDATE',
      context,
      object: next,
      oldObject: current,
      options: options.options,
    } as const;
    await this.#admit(admission);
    const errors = await this.#validate(next, current, context, rules);
    if (errors.length > 0) throw this.#invalid(next, errors);
    await giveWay(size.bytes);
    for (const warning of strategy.warnings?.(next, current) ?? []) context.warn(warning);
    await this.#validateAdmission(admission);
    const object = withoutNewTimes(stored.object, this.#inStorageVersion(next, rules));
    const mayGo =
      this.#mayGo(next.metadata, current.metadata) && strategy.beforeDelete?.(cloneJson(next), context).keep !== true;
    if (context.dryRun) return unstored(object);
    if (!mayGo) {
      if (jsonEqual(object, stored.object)) return stored;
      size.assertStorable();
      return (await this.#write({key, expected: stored.revision, object}))!;
    }
    await this.#write({key, expected: stored.revision, object: undefined});
    return unstored(object);
  }

  #checkUid({namespace}: RequestContext, name: string, uid: string | undefined, expected: string | undefined): void {
    if (expected === undefined || expected === '' || expected === uid) return;
    const {group, plural, namespaced, custom} = this.#resource;
    const folder = custom ? `${group}/${plural}` : plural;
    const path = namespaced ? `${namespace}/${name}` : name;
    const why = `Precondition failed: UID in precondition: ${expected}, UID in object meta: ${uid ?? ''}`;
    throw statusErrors.conflict(
      {group, name: plural},
      name,
      `StorageError: invalid object, Code: 4, Key: /registry/${folder}/${path}, ResourceVersion: 0, AdditionalErrorMsg: ${why}`,
    );
  }

  #checkVersion({metadata: {name = '', resourceVersion}}: KubeObject, {metadata}: KubeObject): void {
    const given = metadata.resourceVersion ?? '';
    if (given !== '' && !/^\d+$/.test(given)) {
      throw new StatusError(500, '', `strconv.ParseUint: parsing ${JSON.stringify(given)}: invalid syntax`);
    }
    if (given === '' || BigInt(given) === 0n) {
      const {group, plural, strategy, custom} = this.#resource;
      if (strategy.allowUnconditionalUpdate ?? !custom) return;
      throw statusErrors.invalid({group, name: plural}, name, [
        {
          type: 'FieldValueInvalid',
          field: 'metadata.resourceVersion',
          message: 'Invalid value: 0: must be specified for an update',
        },
      ]);
    }
    if (given !== resourceVersion) throw this.#modified(name);
  }

  /** What an update may change, in a new object; the rest is as it was. */
  #nextObject(context: RequestContext, current: KubeObject, shaped: KubeObject, version: ResourceVersion): KubeObject {
    const old = current.metadata;
    const metadata: ObjectMeta = {...shaped.metadata};
    const keep = (field: keyof ObjectMeta): void => {
      if (old[field] === undefined) delete metadata[field];
      else metadata[field] = old[field];
    };
    delete metadata['selfLink'];
    for (const field of ['creationTimestamp', 'generation', 'resourceVersion'] as const) keep(field);
    for (const field of ['uid', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
      if (metadata[field] === undefined || metadata[field] === '') keep(field);
    }
    if (!this.#resource.namespaced) delete metadata.namespace;
    else if ((metadata.namespace ?? '') === '') metadata.namespace = context.namespace;
    // Strategies of built-in kinds see to their status themselves.
    if (!this.#resource.custom || version.subresources.status !== true) return {...shaped, metadata};
    if (context.subresource !== 'status') {
      const next: KubeObject = {...shaped, metadata};
      if (current['status'] === undefined) delete next['status'];
      else next['status'] = cloneJson(current['status']);
      return next;
    }
    const {managedFields} = metadata;
    const kept: ObjectMeta = cloneJson(old);
    if (managedFields === undefined) delete kept.managedFields;
    else kept.managedFields = managedFields;
    return withStatus({...cloneJson(withoutStatus(current)), metadata: kept}, shaped);
  }

  #countGeneration(current: KubeObject, next: KubeObject, version: ResourceVersion): void {
    const ignored = version.subresources.status === true ? counted : countedWithStatus;
    if (!jsonEqual(ignored(current), ignored(next))) next.metadata.generation = (current.metadata.generation ?? 0) + 1;
  }

  #mayGo(next: ObjectMeta, old: ObjectMeta): boolean {
    return (
      (next.finalizers ?? []).length === 0 &&
      old.deletionTimestamp !== undefined &&
      (old.deletionGracePeriodSeconds ?? 0) === 0
    );
  }

  /**
   * Deletes an object, or marks it where something still holds it.
   *
   * @throws StatusError 404, 409 for preconditions that do not hold, and what admission refuses with
   */
  async delete(
    context: RequestContext,
    name: string,
    options: DeleteOptions = {},
    requestOptions?: KubeObject,
  ): Promise<Deletion> {
    const key = this.key(context, name);
    for (let attempt = 1; ; attempt++) {
      const current = this.cache.get(key);
      if (current === undefined) throw this.#notFound(name);
      try {
        return await this.#deleteOnce(context, current, options, requestOptions);
      } catch (error) {
        if (!isConflict(error)) throw error;
        if (attempt === UPDATE_ATTEMPTS) throw this.#modified(name);
      }
    }
  }

  async #deleteOnce(
    context: RequestContext,
    stored: StoredAnswer & {key: string; revision: number},
    options: DeleteOptions,
    requestOptions: KubeObject | undefined,
  ): Promise<Deletion> {
    const {strategy} = this.#resource;
    const {key, revision: expected, object: current} = stored;
    if (options.preconditions) checkPreconditions(this.#resource, current, options.preconditions);
    const rules = this.rules(context.version);
    const admission = {
      operation: 'DELETE',
      context,
      object: undefined,
      oldObject: this.#inVersion(current, rules.apiVersion),
      options: requestOptions,
    } as const;
    await this.#admit(admission);
    await this.#validateAdmission(admission);
    if (strategy.beforeDelete) {
      const next = cloneJson(current);
      const {keep} = strategy.beforeDelete(next, context);
      if (keep) return {object: await this.#mark(context, key, expected, next), isGone: false};
    }
    const grace = strategy.gracePeriodSeconds?.(current, options.gracePeriodSeconds);
    const step = deletionStep(current.metadata, options, grace, this.#now());
    switch (step.$case) {
      case 'pending':
        return {object: stored, isGone: false};
      case 'mark': {
        const marked = {...current, metadata: step.metadata};
        return {object: await this.#mark(context, key, expected, marked), isGone: false};
      }
      case 'remove': {
        if (context.dryRun) return {object: stored, isGone: true};
        const last = await this.#write({key, expected, object: undefined});
        return {object: last ?? stored, isGone: true};
      }
    }
  }

  async #mark(context: RequestContext, key: string, expected: number, object: KubeObject): Promise<StoredAnswer> {
    if (context.dryRun) return unstored(object);
    return (await this.#write({key, expected, object}))!;
  }

  async #validate(
    object: KubeObject,
    old: KubeObject | undefined,
    context: RequestContext,
    {version}: VersionRules,
  ): Promise<readonly FieldError[]> {
    const {strategy, namespaced, custom} = this.#resource;
    const found =
      old === undefined
        ? validateObjectMeta(object.metadata, {
            namespaced,
            custom,
            validateName: (name) => strategy.validateName?.(name) ?? subdomainProblems(name),
          })
        : this.#updateErrors(object.metadata, old.metadata);
    const errors =
      version.normalize || version.schema === undefined
        ? found
        : validateObject(object, version.schema, {
            old,
            found,
            ...(context.subresource === 'status' && {subresource: 'status'}),
            warn: (text) => context.warn(text),
          });
    return strategy.validate ? [...errors, ...(await strategy.validate(object, old, context))] : errors;
  }

  #updateErrors(next: ObjectMeta, old: ObjectMeta): FieldError[] {
    const {namespaced} = this.#resource;
    const errors = validateObjectMetaUpdate(next, old);
    // Kubernetes checks these several times, and lists each cause as often.
    return [
      ...validateObjectMeta(next, {namespaced, custom: true, validateName: pathSegmentProblems}),
      ...errors,
      ...errors,
    ];
  }

  /** @throws StatusError 500 of what Kubernetes would not store, where it is dear to find that out later */
  #sizeOf(object: KubeObject): StoredSize {
    const size = new StoredSize(object, this.#resource.custom);
    size.assertManageable();
    return size;
  }

  #withManagedFields(
    context: RequestContext,
    live: KubeObject | undefined,
    next: KubeObject,
    {keepManagedFields = false, size}: {keepManagedFields?: boolean; size: StoredSize},
  ): KubeObject {
    if (!size.isManaged) return withoutManagedFields(next);
    if (keepManagedFields) return next;
    const {fieldManager: manager, subresource} = context;
    const {apiVersion} = this.rules(context.version);
    return this.fieldManager.updated({live, next, context: {manager, subresource, apiVersion, time: this.#now()}});
  }

  /** Keeps the books on who wrote which field. */
  get fieldManager(): FieldManager {
    return (this.#fieldManager ??= fieldManagerOf(this.#resource));
  }

  async #admit(attributes: Omit<AdmissionAttributes, 'resource'> & {operation: Operation}): Promise<void> {
    for (const plugin of this.#environment.admission()) {
      await plugin.admit?.({...attributes, resource: this.#resource});
    }
  }

  async #validateAdmission(attributes: Omit<AdmissionAttributes, 'resource'>): Promise<void> {
    for (const plugin of this.#environment.admission()) {
      await plugin.validate?.({...attributes, resource: this.#resource});
    }
  }

  get #hasGeneration(): boolean {
    return this.#resource.strategy.hasGeneration ?? this.#resource.custom;
  }

  #inVersion(object: KubeObject, apiVersion: string): KubeObject {
    return object.apiVersion === apiVersion ? object : {...object, apiVersion};
  }

  /** As it is to be stored. May put defaults into `object`. */
  #inStorageVersion(object: KubeObject, {version}: VersionRules): KubeObject {
    // The status was taken away, which may have a default.
    if (this.#resource.custom && version.schema !== undefined) applyDefaults(object, version.schema);
    const stored = this.#inVersion(object, apiVersionOf(this.#resource.group, this.#resource.storageVersion));
    // Kubernetes keeps custom objects as maps. Clients show outputs and the like in the order in which they come.
    return this.#resource.custom ? withSortedKeys(stored) : stored;
  }

  #now(): Date {
    return new Date(this.#environment.clock.now());
  }

  #notFound(name: string): StatusError {
    const {group, plural} = this.#resource;
    return statusErrors.notFound({group, name: plural}, name);
  }

  #modified(name: string): StatusError {
    const {group, plural} = this.#resource;
    return statusErrors.modified({group, name: plural}, name);
  }

  #alreadyExists(name: string, present: KubeObject | undefined): StatusError {
    const {group, plural} = this.#resource;
    const error = statusErrors.alreadyExists({group, name: plural}, name);
    if (present?.metadata.deletionTimestamp === undefined) return error;
    return new StatusError(409, 'AlreadyExists', `object is being deleted: ${error.message}`, error.details);
  }

  #invalid(object: KubeObject, errors: readonly FieldError[]): StatusError {
    const {group, kind, view} = this.#resource;
    // A kind in a second group is known by the first one.
    return statusErrors.invalid({group: view ? '' : group, name: kind}, object.metadata.name ?? '', errors);
  }
}

function isConflict(error: unknown): boolean {
  return error instanceof StorageError && error.code === 'CONFLICT';
}

async function openCache(
  resource: Resource,
  storage: ResourceStorage,
  {clock}: StoreEnvironment,
): Promise<ResourceCache> {
  return await ResourceCache.open({storage, clock, decode: (stored) => decodeStored(resource, stored)});
}

function decodeStored(resource: Resource, {json}: StoredObject): KubeObject {
  const {value} = decodeJson(json);
  if (!isJsonObject(value)) throw new Error('what is stored is no object');
  const object = value as KubeObject;
  object.apiVersion = apiVersionOf(resource.group, resource.storageVersion);
  const version = resource.versions.find(({name}) => name === resource.storageVersion);
  if (version?.schema !== undefined && !version.normalize) applyDefaults(object, version.schema);
  return object;
}

function withoutStatus(object: KubeObject): KubeObject {
  const rest = {...object};
  delete rest['status'];
  return rest;
}

function withStatus(object: KubeObject, {status}: KubeObject): KubeObject {
  return status === undefined ? object : {...object, status};
}

function counted({apiVersion: _version, metadata: _metadata, status: _status, ...rest}: KubeObject) {
  return rest;
}

function countedWithStatus({apiVersion: _version, metadata: _metadata, ...rest}: KubeObject) {
  return rest;
}

/** What creates an object that a PUT did not find. */
function withoutVersion(object: KubeObject): KubeObject {
  const {resourceVersion: _, ...metadata} = object.metadata;
  return {...object, metadata};
}
