import {shapeOf} from '../builtin/go-shape.ts';
import {ShapeError} from '../builtin/shape-error.ts';
import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {statusErrors} from '../errors/status-error.ts';
import {isJsonObject, type JsonObject, type JsonValue, setMember} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject, type ObjectMeta} from '../kube-object.ts';
import {applyDefaults} from '../schema/defaults.ts';
import {shapeEmbeddedResources} from '../schema/embedded-resources.ts';
import {pruneUnknown} from '../schema/prune.ts';
import type {Resource, ResourceVersion} from './resource.ts';

/** What becomes of an object that a client sends in a version of a resource. */
export class VersionRules {
  readonly apiVersion: string;
  readonly version: ResourceVersion;
  readonly #group: string;
  readonly #kind: string;

  constructor(resource: Resource, version: ResourceVersion) {
    this.apiVersion = apiVersionOf(resource.group, version.name);
    this.version = version;
    this.#group = resource.group;
    this.#kind = resource.kind;
  }

  /**
   * A new object of which only the known is left and to which defaults are added.
   *
   * @param unknown takes the sentence on each field that is not known
   * @param options.keepNulls leaves a null where none may be to validation, as Kubernetes does after an apply
   * @throws ShapeError with Go's message
   */
  shape(object: JsonObject, unknown: (sentence: string) => void, options: {keepNulls?: boolean} = {}): KubeObject {
    const {version} = this;
    const onUnknown = (path: string): void => unknown(`unknown field ${JSON.stringify(path)}`);
    if (version.normalize) {
      const isTyped = object['apiVersion'] === this.apiVersion && object['kind'] === this.#kind;
      const typed = isTyped ? object : {...object, apiVersion: this.apiVersion, kind: this.#kind};
      return withManagedFieldsOf(object, version.normalize(typed, onUnknown));
    }
    this.#checkType(object);
    const shaped: KubeObject = {apiVersion: this.apiVersion, kind: this.#kind, metadata: {}};
    for (const key of Object.keys(object)) {
      const value = object[key];
      if (value !== undefined && !resourceFields.has(key)) setMember(shaped, key, value);
    }
    if (version.schema === undefined) {
      shaped.metadata = metadataOf(object, onUnknown);
      return withManagedFieldsOf(object, shaped);
    }
    const sentences: string[] = [];
    const collect = (path: string): void => void sentences.push(`unknown field ${JSON.stringify(path)}`);
    shaped.metadata = metadataOf(object, collect);
    pruneUnknown(shaped, version.schema, {isResourceRoot: true, onUnknown: collect});
    shapeEmbeddedResources(shaped, version.schema, collect);
    for (const sentence of sentences.sort()) unknown(sentence);
    applyDefaults(shaped, version.schema, options);
    return withManagedFieldsOf(object, shaped);
  }

  /** @throws StatusError 422 of a custom kind that says to be another one */
  #checkType({apiVersion = this.apiVersion, kind = this.#kind, metadata}: JsonObject): void {
    const errors: FieldError[] = [];
    if (kind !== this.#kind) errors.push(fieldErrors.invalid('kind', kind, `must be ${this.#kind}`));
    else if (apiVersion !== this.apiVersion) {
      errors.push(fieldErrors.invalid('apiVersion', apiVersion, `must be ${this.apiVersion}`));
    }
    if (errors.length === 0) return;
    const name = isJsonObject(metadata) && typeof metadata['name'] === 'string' ? metadata['name'] : '';
    throw statusErrors.invalid({group: this.#group, name: typeof kind === 'string' ? kind : ''}, name, errors);
  }
}

const resourceFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);
const shapeOfMetadata = shapeOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

function metadataOf({metadata = {}}: JsonObject, onUnknown: (path: string) => void): ObjectMeta {
  if (metadata === null) return {};
  if (!isJsonObject(metadata)) {
    throw new ShapeError(`json: cannot unmarshal ${goType(metadata)} into Go value of type v1.ObjectMeta`);
  }
  const shaped = shapeOfMetadata(metadata, (path) => onUnknown(`metadata.${path}`)) as ObjectMeta;
  // Of a kind whose types are not Go's, there is no time that is not set.
  if (shaped.creationTimestamp === null) delete shaped.creationTimestamp;
  return shaped;
}

/** An empty list of managed fields means something, unlike other empty lists: that they are to be forgotten. */
function withManagedFieldsOf({metadata}: JsonObject, shaped: KubeObject): KubeObject {
  const sent = isJsonObject(metadata) ? metadata['managedFields'] : undefined;
  if (!Array.isArray(sent) || shaped.metadata.managedFields !== undefined) return shaped;
  return {...shaped, metadata: {...shaped.metadata, managedFields: []}};
}

function goType(value: JsonValue): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}
