import {StatusError} from '../errors/status-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {
  type Controller,
  type ControllerEnvironment,
  controllerContext,
  errorTeller,
  isTerminating,
} from './controller.ts';
import {followStores, named, splitKey} from './follow-stores.ts';
import {WorkQueue} from './work-queue.ts';

/** An object that every namespace has. */
interface NamespaceDefault {
  controller: string;
  /** Of kube-controller-manager. */
  account: string;
  plural: string;
  object: {apiVersion: 'v1'; kind: string; name: string} & {data?: JsonObject};
}

/** Makes the ServiceAccount `default` in each namespace. */
export function defaultServiceAccounts(environment: ControllerEnvironment): Controller {
  return new NamespaceDefaults(environment, {
    controller: 'serviceaccount',
    account: 'service-account-controller',
    plural: 'serviceaccounts',
    object: {apiVersion: 'v1', kind: 'ServiceAccount', name: 'default'},
  });
}

/** Keeps the ConfigMap `kube-root-ca.crt` in each namespace, by which Pods know the server. */
export function rootCaPublisher(environment: ControllerEnvironment, rootCa: string): Controller {
  return new NamespaceDefaults(environment, {
    controller: 'root-ca-certificate-publisher',
    account: 'root-ca-cert-publisher',
    plural: 'configmaps',
    object: {apiVersion: 'v1', kind: 'ConfigMap', name: 'kube-root-ca.crt', data: {'ca.crt': rootCa}},
  });
}

class NamespaceDefaults implements Controller {
  readonly #environment: ControllerEnvironment;
  readonly #wanted: NamespaceDefault;
  readonly #queue: WorkQueue;
  readonly #end: () => void;

  constructor(environment: ControllerEnvironment, wanted: NamespaceDefault) {
    const {registry, clock, slices} = environment;
    this.#environment = environment;
    this.#wanted = wanted;
    this.#queue = new WorkQueue({
      work: (namespace) => this.#ensure(namespace),
      concurrency: 10,
      clock,
      slices,
      onError: errorTeller(environment, wanted.controller),
    });
    const endNamespaces = followStores(registry, named('', 'namespaces'), {
      changed: (_, {current, previous}) => {
        if (current !== undefined && previous === undefined) this.#queue.add(current.key);
      },
      opened: ({cache}) => {
        for (const {key} of cache.list().items) this.#queue.add(key);
      },
    });
    const endObjects = followStores(registry, named('', wanted.plural), {
      changed: (_, {current, previous}) => {
        const {namespace, name} = splitKey((current ?? previous)?.key ?? '');
        if (name === wanted.object.name && previous !== undefined) this.#queue.add(namespace);
      },
      opened: () => {},
    });
    this.#end = () => {
      endNamespaces();
      endObjects();
    };
  }

  async close(): Promise<void> {
    this.#end();
    await this.#queue.close();
  }

  async #ensure(namespace: string): Promise<void> {
    const {registry} = this.#environment;
    const {account, plural, object: wanted} = this.#wanted;
    const owner = registry.get('', 'namespaces')?.cache.get(namespace)?.object;
    const store = registry.get('', plural);
    if (store === undefined || owner === undefined || owner.metadata.deletionTimestamp !== undefined) return;
    const key = `${namespace}/${wanted.name}`;
    const {apiVersion, kind, name, data} = wanted;
    const present = store.cache.get(key)?.object;
    if (present === undefined) {
      const object: KubeObject = {apiVersion, kind, metadata: {name, namespace}, ...(data && {data})};
      const context = controllerContext(account, store, key, {verb: 'create'});
      await store.create(context, object).catch(ignoreLate);
    } else if (data !== undefined && !jsonEqual(present['data'] ?? {}, data)) {
      const context = controllerContext(account, store, key, {verb: 'update'});
      await store.update(context, name, (current) => ({...current, data})).catch(ignoreLate);
    }
  }
}

/** Somebody else has made it, or the namespace goes. */
function ignoreLate(error: unknown): void {
  const isMade = error instanceof StatusError && error.reason === 'AlreadyExists';
  if (!isMade && !isTerminating(error)) throw error;
}
