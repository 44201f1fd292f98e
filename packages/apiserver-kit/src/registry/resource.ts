import type {FieldError} from '../errors/field-error.ts';
import type {Exchange} from '../http/exchange.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {Schema} from '../schema/schema.ts';
import type {RequestContext} from './request-context.ts';

/** A column of a Table. */
export interface TableColumn {
  name: string;
  /** OpenAPI type: string, integer, number, boolean, date. */
  type: string;
  format?: string;
  description?: string;
  /** 0 is shown always, others with `-o wide`. */
  priority?: number;
}

/** How objects of a version are shown in a Table. `cells` gives one value for each column. */
export interface TableLayout {
  columns: readonly TableColumn[];
  cells(object: KubeObject, now: Date): (string | number | boolean | null)[];
}

export interface ScaleSubresource {
  /** Simple JSONPath, such as `.spec.replicas`. */
  specReplicasPath: string;
  statusReplicasPath: string;
  labelSelectorPath?: string;
}

/** A version of a resource. All versions of one are stored and converted as they are: only `apiVersion` differs. */
export interface ResourceVersion {
  name: string;
  served: boolean;
  /** Undefined: any object is good as it is. */
  schema: Schema | undefined;
  subresources: {
    status?: boolean;
    scale?: ScaleSubresource;
    /** By which parts of the object are written, as the strategy says: `ephemeralcontainers`. */
    parts?: readonly string[];
  };
  /**
   * Of built-in kinds, in place of the schema's defaults, pruning and validation: what decoding into Go's type, Kubernetes' defaults in
   * code and encoding again make of an object. Called with each body and with each result of a patch, before anything else.
   *
   * @param unknown takes the path of a field that the type does not have
   * @returns a new object
   * @throws ShapeError with Go's message
   */
  normalize?(object: JsonObject, unknown: (path: string) => void): KubeObject;
  /** Undefined: NAME and AGE. */
  table?: TableLayout;
  /** Field paths beside `metadata.name` and `metadata.namespace` by which it can be selected, such as `status.phase`. */
  selectableFields?: readonly string[];
  /** Value of a selectable field that is not simply the text at that path; default: what stands there. */
  selectableField?(object: KubeObject, path: string): string;
  /** Sent as a warning with each answer. */
  deprecationWarning?: string;
}

/** What is special about a kind. All are optional; objects may be changed in place where the name says `prepare`. */
export interface Strategy {
  /** Before defaults of the schema and validation: what clients may not set is dropped, what follows from other fields is filled in. */
  prepareForCreate?(object: KubeObject, context: RequestContext): void | Promise<void>;
  prepareForUpdate?(object: KubeObject, old: KubeObject, context: RequestContext): void | Promise<void>;
  /** On create, when a generated name is certain and the object is valid: what follows from the name. */
  canonicalize?(object: KubeObject): void;
  /** Beyond the schema. `old` is undefined on create. */
  validate?(
    object: KubeObject,
    old: KubeObject | undefined,
    context: RequestContext,
  ): readonly FieldError[] | Promise<readonly FieldError[]>;
  warnings?(object: KubeObject, old: KubeObject | undefined): readonly string[];
  /** A PUT of an object that is not there creates it. Default: false. */
  allowCreateOnUpdate?: boolean;
  /** A PUT without resourceVersion overwrites. Default: true for built-in kinds, false for custom ones. */
  allowUnconditionalUpdate?: boolean;
  /** Whether `metadata.generation` counts changes of everything but metadata and status. Default: true of custom kinds, else false. */
  hasGeneration?: boolean;
  /** Seconds until an object may go, of kinds that are deleted gracefully (Pods). Undefined or 0: at once. */
  gracePeriodSeconds?(object: KubeObject, asked: number | undefined): number;
  /** Of kinds that stay until somebody else ends them (Namespace): may change the object instead of letting it go. */
  beforeDelete?(object: KubeObject, context: RequestContext): {keep: boolean};
  /** A deletion is answered with the object as it was (Pod), not with a Status. */
  returnsDeleted?: boolean;
  /** What is wrong with a name, in Kubernetes' words. Default: the rule of DNS subdomains. */
  validateName?(name: string): string[];
}

/** How a resource shows the objects of another one: Events, which two groups have. Metadata are the same in both. */
export interface ResourceView {
  /** The resource that stores them, as {@link resourceName} gives it. */
  of: string;
  fromStored: (object: KubeObject) => KubeObject;
  toStored: (object: KubeObject) => KubeObject;
}

/** A resource that is served: one row of discovery, and the rules of its kind. */
export interface Resource {
  group: string;
  /** Plural, lower case. */
  plural: string;
  singular: string;
  kind: string;
  listKind: string;
  shortNames: readonly string[];
  categories: readonly string[];
  namespaced: boolean;
  /** The preferred one first. */
  versions: readonly ResourceVersion[];
  /** Of the version that is written into `apiVersion` of what is stored. */
  storageVersion: string;
  strategy: Strategy;
  /** Its objects are those of another resource. */
  view?: ResourceView;
  /** Of a CustomResourceDefinition. */
  custom: boolean;
  /** Of a review that is answered and not kept (SelfSubjectAccessReview): only `create`, which this carries out. */
  review?(object: KubeObject, context: RequestContext): Promise<KubeObject>;
  /** Verbs of discovery. Default: all eight, or `create` for a review. */
  verbs?: readonly string[];
  /** More subresources than status and scale: name, what kind it takes, and what happens. */
  subresources?: readonly Subresource[];
}

/** A subresource that is not a view of its object: `pods/log`, `serviceaccounts/token`, `namespaces/finalize`, `pods/eviction`. */
export interface Subresource {
  name: string;
  /** For discovery, and for the body of a POST or PUT. */
  group: string;
  version: string;
  kind: string;
  verbs: readonly string[];
  /** Answers with an object. `body` is undefined with GET. */
  handle?(context: RequestContext, body: KubeObject | undefined): Promise<KubeObject>;
  /** Takes over the connection or streams (log, exec, attach, port-forward). */
  connect?(context: RequestContext, exchange: Exchange): Promise<void>;
}

/** `pods`, `deployments.apps`: the key of a resource in the storage and the registry. */
export function resourceName({group, plural}: Pick<Resource, 'group' | 'plural'>): string {
  return group === '' ? plural : `${plural}.${group}`;
}
