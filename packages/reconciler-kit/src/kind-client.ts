import type {ListMeta, Status} from 'kubernetes-types/meta/v1.d.ts';
import {apiVersionOf, type Kind, type KubernetesObject} from './kind.ts';
import {collectionPath, objectPath, ownCollectionPath} from './object-path.ts';
import type {ApiRequest, Transport} from './transport.ts';
import {openWatch, type WatchStream} from './watch-stream.ts';

/** Names one object of a known kind. */
export interface ObjectRef {
  name: string;
  /** Of namespaced kinds. */
  namespace?: string | undefined;
}

export interface ObjectList<T> {
  apiVersion?: string;
  kind?: string;
  /** `resourceVersion` to watch from; `continue` when there is a further page. */
  metadata: ListMeta;
  items: T[];
}

/** One change. `BOOKMARK` objects carry nothing but `metadata.resourceVersion` and annotations. */
export interface WatchEvent<T> {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  object: T;
}

/** Which objects of a kind are meant. */
export interface SelectorOptions {
  /** Of namespaced kinds: one namespace; all when left out. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
  /** Ask for `metadata` only (PartialObjectMetadata): cheaper where nothing else is read. */
  metadataOnly?: boolean | undefined;
}

interface RequestOptions {
  signal?: AbortSignal | undefined;
  /** Of one attempt. Default that of the transport, 60,000. */
  timeoutMs?: number | undefined;
}

/** @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
export interface ListOptions extends SelectorOptions, RequestOptions {
  limit?: number | undefined;
  continue?: string | undefined;
  resourceVersion?: string | undefined;
  resourceVersionMatch?: 'Exact' | 'NotOlderThan' | undefined;
}

export interface WatchOptions extends SelectorOptions {
  resourceVersion?: string | undefined;
  resourceVersionMatch?: 'NotOlderThan' | undefined;
  /** Begin with the whole state, marked at its end by a bookmark (WatchList). */
  sendInitialEvents?: boolean | undefined;
  allowWatchBookmarks?: boolean | undefined;
  timeoutSeconds?: number | undefined;
  signal?: AbortSignal | undefined;
}

export interface GetOptions extends RequestOptions {
  /** Of namespaced kinds. */
  namespace?: string | undefined;
  resourceVersion?: string | undefined;
  metadataOnly?: boolean | undefined;
}

export interface WriteOptions extends RequestOptions {
  /** Who owns the fields, in managedFields. */
  fieldManager?: string | undefined;
  /** Run everything on the server, admission included, but store nothing. */
  dryRun?: boolean | undefined;
  /** What to do with unknown and duplicate fields; the server's default is Warn. */
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore' | undefined;
}

export interface ApplyOptions extends WriteOptions {
  fieldManager: string;
  /** Take over fields that other managers own, instead of a 409. Controllers set it. */
  force?: boolean | undefined;
}

export interface DeleteOptions extends RequestOptions {
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan' | undefined;
  /** Delete only if the object still has these. */
  preconditions?: {uid?: string | undefined; resourceVersion?: string | undefined} | undefined;
  gracePeriodSeconds?: number | undefined;
  dryRun?: boolean | undefined;
}

export interface DeleteCollectionOptions extends Omit<DeleteOptions, 'preconditions'> {
  /** Of namespaced kinds: required by the API. */
  namespace?: string | undefined;
  labelSelector?: string | undefined;
  fieldSelector?: string | undefined;
}

/**
 * A change to an object. `merge`: RFC 7386. `json`: a list of RFC 6902 operations. `strategic`: lists merged by key;
 * only for kinds of Kubernetes itself.
 */
export interface Patch {
  type: 'merge' | 'json' | 'strategic';
  body: unknown;
}

/** @see https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.36/#scale-v1-autoscaling */
export interface Scale extends KubernetesObject {
  spec?: {replicas?: number};
  status?: {replicas: number; selector?: string};
}

const patchTypes: Record<Patch['type'], string> = {
  merge: 'application/merge-patch+json',
  json: 'application/json-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};
/** JSON is YAML, and a good deal faster to write. */
const applyPatchType = 'application/apply-patch+yaml';

const partialObject = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const partialList = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

const defaultPageSize = 500;
/** Deleting many objects is one long request; the server gives up after a minute by itself. */
const deleteCollectionTimeoutMs = 90_000;

type Query = NonNullable<ApiRequest['query']>;

function writeQuery(options: WriteOptions): Query {
  return {
    fieldManager: options.fieldManager,
    dryRun: options.dryRun === true ? 'All' : undefined,
    fieldValidation: options.fieldValidation,
  };
}

function requestOptions(options: RequestOptions): Pick<ApiRequest, 'signal' | 'timeoutMs'> {
  return {signal: options.signal, timeoutMs: options.timeoutMs};
}

function deleteBody(options: DeleteOptions): object {
  return {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: options.propagationPolicy,
    preconditions: options.preconditions,
    gracePeriodSeconds: options.gracePeriodSeconds,
    dryRun: options.dryRun === true ? ['All'] : undefined,
  };
}

/** All verbs of one kind. Every method throws {@link ApiError} for an answer that is no success. */
export class KindClient<T extends KubernetesObject> {
  readonly transport: Transport;
  readonly kind: Kind<T>;
  readonly #apiVersion: string;

  constructor(transport: Transport, kind: Kind<T>) {
    this.transport = transport;
    this.kind = kind;
    this.#apiVersion = apiVersionOf(kind);
  }

  /** @throws ApiError `API_NOT_FOUND` */
  async get(name: string, options: GetOptions = {}): Promise<T> {
    const object = await this.transport.request<T>({
      method: 'GET',
      path: objectPath(this.kind, name, options.namespace),
      query: {resourceVersion: options.resourceVersion},
      ...(options.metadataOnly === true ? {accept: partialObject} : {}),
      ...requestOptions(options),
    });
    return this.#typed(object);
  }

  /** One list request, a page when `limit` is set. Items carry apiVersion and kind, which the server leaves out. */
  async list(options: ListOptions = {}): Promise<ObjectList<T>> {
    const list = await this.transport.request<Omit<ObjectList<T>, 'items'> & {items: T[] | null}>({
      method: 'GET',
      path: collectionPath(this.kind, options.namespace),
      query: {
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        limit: options.limit,
        continue: options.continue,
        resourceVersion: options.resourceVersion,
        resourceVersionMatch: options.resourceVersionMatch,
      },
      ...(options.metadataOnly === true ? {accept: partialList} : {}),
      ...requestOptions(options),
    });
    // Go writes an empty list of some servers as null.
    const items = list.items ?? [];
    for (const item of items) this.#typed(item);
    return {...list, items};
  }

  /** Every object, taken in pages of `limit` (default 500), all of the state at the time of the first page. */
  async *listAll(options: Omit<ListOptions, 'continue'> = {}): AsyncGenerator<T, void, undefined> {
    let next: string | undefined;
    do {
      const {resourceVersion, resourceVersionMatch, ...rest} = options;
      // A continue token brings its own resourceVersion and excludes another.
      const from = next === undefined ? {resourceVersion, resourceVersionMatch} : {continue: next};
      const page = await this.list({limit: defaultPageSize, ...rest, ...from});
      yield* page.items;
      next = page.metadata.continue;
    } while (next !== undefined && next !== '');
  }

  /**
   * One watch request, until the server ends it. Most callers want {@link Watcher} or {@link Cache}, which resume.
   *
   * @throws ApiError also for an ERROR event, e.g. `API_GONE` for a resourceVersion that is too old.
   */
  async *watch(options: WatchOptions = {}): AsyncGenerator<WatchEvent<T>, void, undefined> {
    const stream = await this.openWatch(options);
    try {
      for await (const batch of stream.batches) {
        for (const event of batch) {
          yield {type: event.type as WatchEvent<T>['type'], object: this.#typed(event.object as T)};
        }
      }
    } finally {
      stream.close();
    }
  }

  /** The events of one watch request in the groups in which they arrive, as the server sent them. */
  openWatch(options: WatchOptions): Promise<WatchStream> {
    return openWatch(this.transport, {
      method: 'GET',
      path: collectionPath(this.kind, options.namespace),
      query: {
        watch: true,
        labelSelector: options.labelSelector,
        fieldSelector: options.fieldSelector,
        resourceVersion: options.resourceVersion,
        resourceVersionMatch: options.resourceVersionMatch,
        sendInitialEvents: options.sendInitialEvents,
        allowWatchBookmarks: options.allowWatchBookmarks,
        timeoutSeconds: options.timeoutSeconds,
      },
      ...(options.metadataOnly === true ? {accept: partialObject} : {}),
      signal: options.signal,
    });
  }

  /** Creates in the namespace of `object.metadata`. @throws ApiError `API_ALREADY_EXISTS`, `API_INVALID` */
  create(object: T, options: WriteOptions = {}): Promise<T> {
    return this.transport.request<T>({
      method: 'POST',
      path: ownCollectionPath(this.kind, object.metadata?.namespace),
      query: writeQuery(options),
      body: this.#withType(object),
      ...requestOptions(options),
    });
  }

  /** Replaces the object. With a resourceVersion in it: only if nobody changed it since. @throws ApiError `API_CONFLICT` */
  update(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#put(object, undefined, options);
  }

  /** Replaces `status` alone. @throws ApiError `API_CONFLICT` */
  updateStatus(object: T, options: WriteOptions = {}): Promise<T> {
    return this.#put(object, 'status', options);
  }

  patch(ref: ObjectRef, patch: Patch, options: WriteOptions = {}): Promise<T> {
    return this.#patch(ref, undefined, patchTypes[patch.type], patch.body, writeQuery(options), options);
  }

  patchStatus(ref: ObjectRef, patch: Patch, options: WriteOptions = {}): Promise<T> {
    return this.#patch(ref, 'status', patchTypes[patch.type], patch.body, writeQuery(options), options);
  }

  /**
   * Server-side apply: creates or changes the object so that it has these fields, and gives up those that this manager
   * applied before and left out now. `managedFields`, which may not be sent, is left out.
   *
   * @throws ApiError `API_CONFLICT` when another manager owns a field and `force` is not set.
   * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
   */
  apply(object: T, options: ApplyOptions): Promise<T> {
    return this.#apply(object, undefined, options);
  }

  applyStatus(object: T, options: ApplyOptions): Promise<T> {
    return this.#apply(object, 'status', options);
  }

  /** Resolves with the object while finalizers or a grace period keep it, else with a Status. @throws ApiError `API_NOT_FOUND` */
  delete(ref: ObjectRef, options: DeleteOptions = {}): Promise<T | Status> {
    return this.transport.request<T | Status>({
      method: 'DELETE',
      path: objectPath(this.kind, ref.name, ref.namespace),
      body: deleteBody(options),
      ...requestOptions(options),
    });
  }

  /** Deletes every object that the selectors match. */
  deleteCollection(options: DeleteCollectionOptions = {}): Promise<ObjectList<T> | Status> {
    return this.transport.request<ObjectList<T> | Status>({
      method: 'DELETE',
      path: ownCollectionPath(this.kind, options.namespace),
      query: {labelSelector: options.labelSelector, fieldSelector: options.fieldSelector},
      body: deleteBody(options),
      timeoutMs: options.timeoutMs ?? deleteCollectionTimeoutMs,
      signal: options.signal,
    });
  }

  /** The `scale` subresource, of kinds that have one. */
  getScale(ref: ObjectRef, options: RequestOptions = {}): Promise<Scale> {
    return this.transport.request<Scale>({
      method: 'GET',
      path: objectPath(this.kind, ref.name, ref.namespace, 'scale'),
      ...requestOptions(options),
    });
  }

  /** Sets the number of replicas through the `scale` subresource. */
  patchScale(ref: ObjectRef, replicas: number, options: WriteOptions = {}): Promise<Scale> {
    return this.transport.request<Scale>({
      method: 'PATCH',
      path: objectPath(this.kind, ref.name, ref.namespace, 'scale'),
      query: writeQuery(options),
      body: {spec: {replicas}},
      contentType: patchTypes.merge,
      ...requestOptions(options),
    });
  }

  /** POST to a subresource, such as `eviction` or `binding` of a Pod. */
  createSubresource<S>(ref: ObjectRef, subresource: string, body: unknown, options: WriteOptions = {}): Promise<S> {
    return this.transport.request<S>({
      method: 'POST',
      path: objectPath(this.kind, ref.name, ref.namespace, subresource),
      query: writeQuery(options),
      body,
      ...requestOptions(options),
    });
  }

  #put(object: T, subresource: string | undefined, options: WriteOptions): Promise<T> {
    return this.transport.request<T>({
      method: 'PUT',
      path: objectPath(this.kind, object.metadata?.name, object.metadata?.namespace, subresource),
      query: writeQuery(options),
      body: this.#withType(object),
      ...requestOptions(options),
    });
  }

  #apply(object: T, subresource: string | undefined, options: ApplyOptions): Promise<T> {
    const {managedFields: _, ...metadata} = object.metadata ?? {};
    const ref = {name: metadata.name ?? '', namespace: metadata.namespace};
    const query = {...writeQuery(options), force: options.force};
    return this.#patch(ref, subresource, applyPatchType, {...this.#withType(object), metadata}, query, options);
  }

  #patch(
    ref: ObjectRef,
    subresource: string | undefined,
    contentType: string,
    body: unknown,
    query: Query,
    options: RequestOptions,
  ): Promise<T> {
    return this.transport.request<T>({
      method: 'PATCH',
      path: objectPath(this.kind, ref.name, ref.namespace, subresource),
      query,
      body,
      contentType,
      ...requestOptions(options),
    });
  }

  #withType(object: T): T {
    return {...object, apiVersion: this.#apiVersion, kind: this.kind.kind};
  }

  /** Lists leave apiVersion and kind out, and metadata-only answers name another kind. */
  #typed(object: T): T {
    object.apiVersion = this.#apiVersion;
    object.kind = this.kind.kind;
    return object;
  }
}
