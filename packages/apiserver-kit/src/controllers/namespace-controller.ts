import type {Namespace} from 'kubernetes-types/core/v1.js';
import type {Clock} from '../clock.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {FOREGROUND, ORPHAN, timestamp} from '../registry/deletion.ts';
import type {Registry} from '../registry/registry.ts';
import type {Resource} from '../registry/resource.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {type Controller, type ControllerEnvironment, controllerContext, errorTeller, isGone} from './controller.ts';
import {followStores, itemName, named, scan, splitKey} from './follow-stores.ts';
import {type NamespaceContent, namespaceConditions} from './namespace-conditions.ts';
import type {TimeSlices} from './time-slices.ts';
import {WorkQueue} from './work-queue.ts';

const ACCOUNT = 'namespace-controller';
const NAMESPACE_CONCURRENCY = 10;
const OBJECT_CONCURRENCY = 32;
/** Of what keeps a namespace, so many errors are told. */
const MAX_ERRORS = 10;
/** How soon the conditions tell that something of the rest has gone. */
const REFRESH_MS = 1_000;

/** The finalizer, in `spec`, that this controller carries out. */
const KUBERNETES = 'kubernetes';

/**
 * Empties namespaces that are deleted, of what is served in any group, and lets them go when nothing is left.
 *
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
 */
export class NamespaceController implements Controller {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #slices: TimeSlices;
  readonly #queue: WorkQueue;
  /** Of each namespace that is being deleted, the items that were told to go and did not yet. */
  readonly #terminating = new Map<string, Set<string>>();
  readonly #end: () => void;

  constructor(environment: ControllerEnvironment) {
    const {registry, clock, slices} = environment;
    this.#registry = registry;
    this.#clock = clock;
    this.#slices = slices;
    this.#queue = new WorkQueue({
      work: (name) => this.#terminate(name),
      concurrency: NAMESPACE_CONCURRENCY,
      clock,
      slices,
      onError: errorTeller(environment, 'namespace'),
    });
    const endNamespaces = followStores(registry, named('', 'namespaces'), {
      changed: (_, {current, previous}) => {
        if (current !== undefined) this.#observe(current.object);
        else if (previous !== undefined) this.#terminating.delete(previous.key);
      },
      opened: ({cache}) => {
        for (const {object} of cache.list().items) this.#observe(object);
      },
    });
    const endContents = followStores(registry, isContent, {
      changed: (store, {current, previous}) => {
        if (this.#terminating.size === 0) return;
        const key = (current ?? previous)?.key ?? '';
        if (current === undefined) this.#gone(splitKey(key).namespace, itemName(store, key));
        else if (previous === undefined) this.#came(splitKey(key).namespace);
      },
      opened: () => {
        for (const name of this.#terminating.keys()) this.#queue.add(name);
      },
    });
    this.#end = () => {
      endNamespaces();
      endContents();
    };
  }

  async close(): Promise<void> {
    this.#end();
    await this.#queue.close();
  }

  #observe(namespace: KubeObject): void {
    const {name = '', deletionTimestamp} = namespace.metadata;
    if (deletionTimestamp === undefined || this.#terminating.has(name)) return;
    this.#terminating.set(name, new Set());
    this.#queue.add(name);
  }

  /** Somebody was faster than the deletion of his namespace. */
  #came(namespace: string): void {
    if (this.#terminating.has(namespace)) this.#queue.add(namespace);
  }

  #gone(namespace: string, item: string): void {
    const left = this.#terminating.get(namespace);
    if (left?.delete(item) !== true) return;
    if (left.size === 0) this.#queue.add(namespace);
    else this.#queue.addAfter(namespace, REFRESH_MS);
  }

  async #terminate(name: string): Promise<void> {
    const namespaces = this.#registry.get('', 'namespaces');
    const namespace = namespaces?.cache.get(name)?.object as Namespace | undefined;
    if (namespaces === undefined || namespace?.metadata?.deletionTimestamp === undefined) return;
    if (namespace.spec?.finalizers?.includes(KUBERNETES) !== true) return;
    const content = await this.#deleteContent(name);
    await this.#writeConditions(namespaces, name, content);
    if (content.errors.length > 0) throw new Error(content.errors.join(', '));
    if (content.remaining.size === 0) await this.#finalize(namespaces, name);
  }

  /** Pods first: what they use stays as long as they do. */
  async #deleteContent(namespace: string): Promise<NamespaceContent> {
    const stores = [...this.#contents()];
    const isPods = ({resource}: ResourceStore): boolean => resource.group === '' && resource.plural === 'pods';
    const pods = await this.#deleteFrom(stores.filter(isPods), namespace);
    if (pods.remaining.size > 0 || pods.errors.length > 0) return pods;
    return await this.#deleteFrom(
      stores.filter((store) => !isPods(store)),
      namespace,
    );
  }

  async #deleteFrom(stores: readonly ResourceStore[], namespace: string): Promise<NamespaceContent> {
    const errors: string[] = [];
    for (const store of stores) await this.#deleteAll(store, namespace, errors);
    return {...(await this.#whatIsLeft(stores, namespace)), errors};
  }

  async #deleteAll(store: ResourceStore, namespace: string, errors: string[]): Promise<void> {
    const keys: string[] = [];
    for await (const {key, object} of scan(store, this.#slices, {prefix: `${namespace}/`})) {
      const {deletionTimestamp, finalizers = []} = object.metadata;
      const isGoing =
        deletionTimestamp !== undefined && !finalizers.includes(FOREGROUND) && !finalizers.includes(ORPHAN);
      if (!isGoing) keys.push(key);
    }
    await this.#slices.forEach(keys, OBJECT_CONCURRENCY, async (key) => {
      const context = controllerContext(ACCOUNT, store, key, {verb: 'deletecollection'});
      try {
        await store.delete(context, context.name, {propagationPolicy: 'Background'});
      } catch (error) {
        if (isGone(error)) return;
        if (errors.length < MAX_ERRORS) errors.push(error instanceof Error ? error.message : String(error));
      }
    });
  }

  async #whatIsLeft(
    stores: readonly ResourceStore[],
    namespace: string,
  ): Promise<Pick<NamespaceContent, 'remaining' | 'finalizers'>> {
    const remaining = new Map<string, number>();
    const finalizers = new Map<string, number>();
    const count = (counts: Map<string, number>, name: string): void => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    };
    const left = this.#terminating.get(namespace);
    left?.clear();
    for (const store of stores) {
      const {group, plural} = store.resource;
      const what = `${plural}.${group}`;
      for await (const {key, object} of scan(store, this.#slices, {prefix: `${namespace}/`})) {
        if (store.cache.get(key) === undefined) continue;
        left?.add(itemName(store, key));
        count(remaining, what);
        for (const finalizer of object.metadata.finalizers ?? []) count(finalizers, finalizer);
      }
    }
    return {remaining, finalizers};
  }

  async #writeConditions(namespaces: ResourceStore, name: string, content: NamespaceContent): Promise<void> {
    const now = timestamp(new Date(this.#clock.now()));
    const {status} = (namespaces.cache.get(name)?.object ?? {}) as Namespace;
    const present = status?.conditions ?? [];
    if (jsonEqual(namespaceConditions(present, content, now) as unknown as JsonValue, present as unknown as JsonValue))
      return;
    await this.#change(namespaces, name, 'status', (current) => {
      const {status: now_} = current as Namespace;
      const conditions = namespaceConditions(now_?.conditions ?? [], content, now);
      return {...current, status: {...now_, conditions} as unknown as JsonValue};
    });
  }

  async #finalize(namespaces: ResourceStore, name: string): Promise<void> {
    await this.#change(namespaces, name, 'finalize', (current) => {
      const {spec} = current as Namespace;
      const finalizers = (spec?.finalizers ?? []).filter((each) => each !== KUBERNETES);
      return {...current, spec: {...spec, finalizers}};
    });
  }

  async #change(
    namespaces: ResourceStore,
    name: string,
    subresource: string,
    change: (current: KubeObject) => KubeObject,
  ): Promise<void> {
    const context = controllerContext(ACCOUNT, namespaces, name, {verb: 'update', subresource, namespace: name});
    await namespaces.update(context, name, change).catch((error: unknown) => {
      if (!isGone(error)) throw error;
    });
  }

  *#contents(): Iterable<ResourceStore> {
    for (const resource of this.#registry.resources()) {
      const store = isContent(resource) ? this.#registry.get(resource.group, resource.plural) : undefined;
      if (store !== undefined) yield store;
    }
  }
}

/** Whether its objects go with their namespace. What is only another view of objects is in it by the other one. */
function isContent(resource: Resource): boolean {
  return (
    resource.namespaced &&
    resource.review === undefined &&
    resource.view === undefined &&
    (resource.verbs === undefined || resource.verbs.includes('delete'))
  );
}
