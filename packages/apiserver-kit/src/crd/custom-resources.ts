import type {CachedObject} from '../cache/resource-cache.ts';
import {StatusError} from '../errors/status-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson} from '../json/json-value.ts';
import {timestamp} from '../registry/deletion.ts';
import type {Registry} from '../registry/registry.ts';
import type {Resource} from '../registry/resource.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {systemContext} from '../registry/system-context.ts';
import {acceptNames, takenNames} from './accepted-names.ts';
import {approvalCondition} from './api-approval.ts';
import {conditionOf, isConditionTrue, withCondition} from './conditions.ts';
import {
  CLEANUP_FINALIZER,
  DEFINITION_GROUP,
  DEFINITION_PLURAL,
  type Definition,
  type DefinitionCondition,
  type DefinitionStatus,
} from './definition.ts';
import {resourceOf} from './resource-of.ts';
import {nonStructuralText} from './validate-definition.ts';

export interface CustomResourcesOptions {
  /** Default: the clock of this machine. */
  now?: () => Date;
  /** Told of what went wrong with a definition; it is looked at again when it changes. */
  onError?: (error: unknown, definition: string) => void;
}

/**
 * Serves what CustomResourceDefinitions define: gives them their names, installs, changes and removes their resources, and deletes the
 * objects of a definition that is deleted.
 */
export class CustomResources {
  readonly #registry: Registry;
  readonly #definitions: ResourceStore;
  readonly #now: () => Date;
  readonly #onError: (error: unknown, definition: string) => void;
  readonly #served = new Map<string, {definition: Definition; resource: Resource}>();
  /** Ends the wait for the last object of a definition that is deleted. */
  readonly #deletions = new Map<string, () => void>();
  /** Resources whose watches begin anew, with what they are to be after that. */
  readonly #replacing = new Map<string, {next: Resource | undefined}>();
  readonly #unsubscribe: () => void;
  /** One definition after another: names are given to one at a time. */
  #work: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<string>();
  #isClosed = false;

  private constructor(registry: Registry, definitions: ResourceStore, options: CustomResourcesOptions) {
    this.#registry = registry;
    this.#definitions = definitions;
    this.#now = options.now ?? (() => new Date());
    this.#onError = options.onError ?? (() => undefined);
    this.#unsubscribe = definitions.cache.subscribe(({current, previous}) => this.#changed(current, previous));
  }

  /**
   * Needs the resource of definitions in the registry. Resolves when all resources that were established are served.
   *
   * @throws Error without that resource
   */
  static async start(registry: Registry, options: CustomResourcesOptions = {}): Promise<CustomResources> {
    const definitions = registry.get(DEFINITION_GROUP, DEFINITION_PLURAL);
    if (!definitions) throw new Error('the registry has no CustomResourceDefinitions');
    const started = new CustomResources(registry, definitions, options);
    for (const {key} of definitions.cache.list({}).items) started.#enqueue(key);
    await started.settled();
    return started;
  }

  /** Resolves when all changes of definitions until now have had their effects, but for objects that are still to go. */
  async settled(): Promise<void> {
    let seen: Promise<void> | undefined;
    while (seen !== this.#work) {
      seen = this.#work;
      await seen;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
    for (const stop of this.#deletions.values()) stop();
    this.#deletions.clear();
  }

  #changed(current: CachedObject | undefined, previous: CachedObject | undefined): void {
    const key = (current ?? previous)?.key;
    if (key === undefined) return;
    // A changed schema counts for the very next write: not for one after those that wait.
    if (current) this.#redefine(key, current.object as Definition);
    this.#enqueue(key);
  }

  #enqueue(key: string): void {
    if (this.#waiting.has(key) || this.#isClosed) return;
    this.#waiting.add(key);
    this.#work = this.#work.then(async () => {
      this.#waiting.delete(key);
      if (this.#isClosed) return;
      try {
        await this.#reconcile(key);
      } catch (error) {
        this.#onError(error, key);
      }
    });
  }

  #get(name: string): Definition | undefined {
    return this.#definitions.cache.get(name)?.object as Definition | undefined;
  }

  async #reconcile(name: string): Promise<void> {
    const definition = this.#get(name);
    if (!definition) {
      await this.#remove(name);
      return;
    }
    const {metadata} = definition;
    if (metadata.deletionTimestamp !== undefined) {
      if (metadata.finalizers?.includes(CLEANUP_FINALIZER)) await this.#delete(name, definition);
      return;
    }
    await this.#establish(name, definition);
  }

  async #establish(name: string, definition: Definition): Promise<void> {
    const {spec, status = {}} = definition;
    const others = this.#inGroup(spec.group).filter(({metadata}) => metadata.name !== name);
    const taken = takenNames(others.map((other) => other.status?.acceptedNames));
    const {names, condition} = acceptNames(spec.names, status.acceptedNames, taken);
    const isEstablished = isConditionTrue(definition, 'Established') || condition.status === 'True';
    const next = {...status, acceptedNames: names};
    // First the resource, then the word that it is there.
    if (isEstablished) await this.#serve(name, {...definition, status: next});
    next.conditions = this.#conditions(definition, condition);
    if (jsonEqual(next, status)) return;
    await this.#setStatus(name, next);
    if (!jsonEqual(names, status.acceptedNames ?? null)) this.#reconsider(spec.group, name);
  }

  #conditions(definition: Definition, names: DefinitionCondition): DefinitionCondition[] {
    const now = timestamp(this.#now());
    let conditions = withCondition(definition.status?.conditions ?? [], names, now);
    if (names.status === 'True' && !isConditionTrue(definition, 'Established')) {
      const message = 'the initial names have been accepted';
      const condition = {type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message} as const;
      conditions = withCondition(conditions, condition, now);
    } else if (!conditionOf(definition, 'Established')) {
      const message = 'not all names are accepted';
      const condition = {type: 'Established', status: 'False', reason: 'NotAccepted', message} as const;
      conditions = withCondition(conditions, condition, now);
    }
    const text = nonStructuralText(definition.spec);
    if (text === undefined) conditions = conditions.filter(({type}) => type !== 'NonStructuralSchema');
    else {
      const condition: DefinitionCondition = {
        type: 'NonStructuralSchema',
        status: 'True',
        reason: 'Violations',
        message: text,
      };
      conditions = withCondition(conditions, condition, now);
    }
    const approval = approvalCondition(definition);
    return approval ? withCondition(conditions, approval, now) : conditions;
  }

  #inGroup(group: string): Definition[] {
    const all = this.#definitions.cache.list({}).items.map(({object}) => object as Definition);
    return all.filter(({spec}) => spec.group === group);
  }

  /** Names may have become free. */
  #reconsider(group: string, but: string): void {
    for (const {metadata, status, spec} of this.#inGroup(group)) {
      const isWaiting = !jsonEqual(spec.names, status?.acceptedNames ?? null);
      if (metadata.name !== undefined && metadata.name !== but && isWaiting) this.#enqueue(metadata.name);
    }
  }

  async #serve(name: string, definition: Definition): Promise<void> {
    const served = this.#served.get(name);
    if (served) {
      this.#redefine(name, definition);
      return;
    }
    const resource = resourceOf(definition);
    if (this.#registry.get(resource.group, resource.plural)) {
      throw new Error(`${resource.plural}.${resource.group} is served already, and not by a definition`);
    }
    await this.#registry.install(resource);
    this.#served.set(name, {definition, resource});
  }

  /** Changes what is served, where that has another definition now. */
  #redefine(name: string, definition: Definition): void {
    const served = this.#served.get(name);
    if (!served) return;
    const {definition: before} = served;
    const isSame =
      jsonEqual(before.spec, definition.spec) &&
      jsonEqual(before.status?.acceptedNames, definition.status?.acceptedNames) &&
      isConditionTrue(before, 'Terminating') === isConditionTrue(definition, 'Terminating');
    if (isSame) return;
    const resource = resourceOf(definition, served.resource);
    this.#served.set(name, {definition, resource});
    this.#replace(name, resource);
  }

  /** It holds at once; what takes time is that watches begin anew. One after the other of the same resource. */
  #replace(name: string, resource: Resource): void {
    const running = this.#replacing.get(name);
    if (running) {
      this.#registry.get(resource.group, resource.plural)?.redefine(resource);
      running.next = resource;
      return;
    }
    const replacing: {next: Resource | undefined} = {next: undefined};
    this.#replacing.set(name, replacing);
    const replaceAll = async (): Promise<void> => {
      for (let next: Resource | undefined = resource; next; next = replacing.next) {
        replacing.next = undefined;
        await this.#registry.replace(next);
      }
    };
    const replaced = replaceAll()
      .catch((error: unknown) => this.#onError(error, name))
      .finally(() => {
        this.#replacing.delete(name);
        if (this.#deletions.has(name)) this.#awaitLast(name, resource);
      });
    this.#work = this.#work.then(() => replaced);
  }

  async #remove(name: string): Promise<void> {
    this.#deletions.get(name)?.();
    this.#deletions.delete(name);
    const served = this.#served.get(name);
    if (!served) return;
    this.#served.delete(name);
    const {group, plural} = served.resource;
    await this.#registry.remove(group, plural);
    this.#reconsider(group, name);
  }

  /** Deletes the objects of a definition, then lets go of the definition itself. */
  async #delete(name: string, definition: Definition): Promise<void> {
    if (this.#deletions.has(name)) return;
    // After a restart there may be objects of what is not served yet.
    if (isConditionTrue(definition, 'Established')) await this.#serve(name, definition);
    const served = this.#served.get(name);
    const store = served && this.#registry.get(served.resource.group, served.resource.plural);
    if (!served || !store) {
      await this.#finish(name, 'NeverEstablished', 'resource was never established');
      return;
    }
    const message = 'CustomResource deletion is in progress';
    await this.#terminating(name, definition, {status: 'True', reason: 'InstanceDeletionInProgress', message});
    this.#awaitLast(name, served.resource);
    try {
      await this.#deleteInstances(store, served.resource);
    } catch (error) {
      // Tried again when the definition changes.
      this.#deletions.get(name)?.();
      this.#deletions.delete(name);
      const failure = `could not issue all deletes: ${error instanceof Error ? error.message : String(error)}`;
      await this.#terminating(name, definition, {
        status: 'True',
        reason: 'InstanceDeletionFailed',
        message: failure,
      });
      throw error;
    }
  }

  /** Lets go of a definition when the last of its objects is gone. */
  #awaitLast(name: string, {group, plural}: Resource): void {
    this.#deletions.get(name)?.();
    const cache = this.#registry.get(group, plural)?.cache;
    if (!cache) return;
    const check = (): void => {
      if (cache.list({limit: 1}).items.length > 0) return;
      this.#deletions.get(name)?.();
      this.#deletions.set(name, () => undefined);
      const finish = (): Promise<void> => this.#finish(name, 'InstanceDeletionCompleted', 'removed all instances');
      this.#work = this.#work.then(() => finish().catch((error: unknown) => this.#onError(error, name)));
    };
    const unsubscribe = cache.subscribe(({current}) => {
      if (current === undefined) check();
    });
    this.#deletions.set(name, unsubscribe);
    check();
  }

  async #deleteInstances(store: ResourceStore, resource: Resource): Promise<void> {
    for (const {object} of store.cache.list({}).items) {
      const {name = '', namespace = ''} = object.metadata;
      try {
        await store.delete(systemContext(resource, {verb: 'delete', name, namespace}), name);
      } catch (error) {
        if (!(error instanceof StatusError) || error.code !== 404) throw error;
      }
    }
  }

  async #finish(name: string, reason: string, message: string): Promise<void> {
    const definition = this.#get(name);
    if (!definition) return;
    await this.#terminating(name, definition, {status: 'False', reason, message});
    await this.#update(name, '', (current) => {
      const finalizers = (current.metadata.finalizers ?? []).filter((finalizer) => finalizer !== CLEANUP_FINALIZER);
      return {...current, metadata: {...current.metadata, finalizers}};
    });
  }

  async #terminating(
    name: string,
    {status = {}}: Definition,
    condition: {status: 'True' | 'False'; reason: string; message: string},
  ): Promise<void> {
    const next = {type: 'Terminating', ...condition};
    const conditions = withCondition(status.conditions ?? [], next, timestamp(this.#now()));
    await this.#setStatus(name, {...status, conditions});
  }

  /** What others have changed meanwhile stays; if that matters here, the definition is looked at again. */
  async #setStatus(name: string, {conditions, acceptedNames}: DefinitionStatus): Promise<void> {
    await this.#update(name, 'status', (current) => ({
      ...current,
      status: {
        ...current.status,
        conditions: conditions ?? null,
        ...(acceptedNames ? {acceptedNames} : {}),
      },
    }));
  }

  async #update(name: string, subresource: string, change: (current: Definition) => Definition): Promise<void> {
    const context = systemContext(this.#definitions.resource, {
      verb: 'update',
      name,
      subresource,
      fieldManager: 'kube-apiserver',
    });
    try {
      await this.#definitions.update(context, name, (current) => change(cloneJson(current) as Definition));
    } catch (error) {
      // It is gone: nothing is left to be told.
      if (!(error instanceof StatusError) || error.code !== 404) throw error;
    }
  }
}
