import {shapeOf} from '../builtin/go-shape.ts';
import {ShapeError} from '../builtin/shape-error.ts';
import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {ObjectMeta} from '../kube-object.ts';
import {label1035Problems, pathSegmentProblems} from '../registry/name-rules.ts';
import {validateObjectMeta} from '../registry/object-meta-validation.ts';
import {fieldOf, type Schema} from './schema.ts';

/**
 * What is wrong with objects that stand in fields of others (`x-kubernetes-embedded-resource`).
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#rawextension
 */
export function embeddedResourceErrors(value: JsonValue, schema: Schema, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  walk(value, schema, path, (resource, place) => checkResource(resource, place, errors));
  return errors;
}

/**
 * Gives the metadata of objects in fields the form of Kubernetes' own: what it does not know is dropped, in place.
 *
 * @throws ShapeError for what can be no object
 */
export function shapeEmbeddedResources(value: JsonValue, schema: Schema, onUnknown: (path: string) => void): void {
  if (!hasEmbedded(schema)) return;
  walk(value, schema, '', (resource, path) => shapeResource(resource, path, onUnknown));
}

const shapeOfMetadata = shapeOf('io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta');

function shapeResource(resource: JsonObject, path: string, onUnknown: (path: string) => void): void {
  for (const name of ['apiVersion', 'kind']) {
    const value = resource[name];
    if (value === undefined || typeof value === 'string') continue;
    const {field, message} = fieldErrors.invalid(join(path, name), value, 'must be a string');
    throw new ShapeError(`${field}: ${message}`);
  }
  const {metadata} = resource;
  if (metadata === undefined || metadata === null) return;
  const place = join(path, 'metadata');
  try {
    if (!isJsonObject(metadata)) throw new ShapeError(notMetadata(metadata));
    const shaped = shapeOfMetadata(metadata, (inner) => onUnknown(`${place}.${inner}`)) as JsonObject;
    if (shaped['creationTimestamp'] === null) delete shaped['creationTimestamp'];
    resource['metadata'] = shaped;
  } catch (error) {
    if (!(error instanceof ShapeError)) throw error;
    const {field, message} = fieldErrors.invalid(place, metadata, error.message);
    throw new ShapeError(`${field}: ${message}`);
  }
}

function notMetadata(value: JsonValue): string {
  const type = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  return `json: cannot unmarshal ${type} into Go value of type v1.ObjectMeta`;
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

const relevant = new WeakMap<Schema, boolean>();

function hasEmbedded(schema: Schema): boolean {
  const known = relevant.get(schema);
  if (known !== undefined) return known;
  relevant.set(schema, false);
  const {properties = {}, additionalProperties, items} = schema;
  const parts = [...Object.values(properties), items, additionalProperties];
  const found =
    schema['x-kubernetes-embedded-resource'] === true ||
    parts.some((part) => typeof part === 'object' && hasEmbedded(part));
  relevant.set(schema, found);
  return found;
}

/** Goes to all objects in fields, the outer ones first. */
function walk(
  value: JsonValue,
  schema: Schema,
  path: string,
  onResource: (resource: JsonObject, path: string) => void,
): void {
  if (!hasEmbedded(schema)) return;
  if (Array.isArray(value)) {
    const {items} = schema;
    if (items) for (const [index, item] of value.entries()) walk(item, items, `${path}[${index}]`, onResource);
    return;
  }
  if (!isJsonObject(value)) return;
  if (schema['x-kubernetes-embedded-resource'] === true) onResource(value, path);
  for (const key of Object.keys(value)) {
    const field = fieldOf(schema, key);
    const inner = value[key];
    if (field === undefined || inner === undefined) continue;
    const isNamed = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    walk(inner, field, isNamed ? join(path, key) : `${path}[${key}]`, onResource);
  }
}

function checkResource(resource: JsonObject, path: string, errors: FieldError[]): void {
  const at = (name: string): string => join(path, name);
  for (const name of ['apiVersion', 'kind']) {
    if (resource[name] === undefined) errors.push(fieldErrors.required(at(name)));
  }
  const {apiVersion, kind, metadata} = resource;
  if (apiVersion !== undefined) {
    const problem = typeof apiVersion === 'string' ? versionProblem(apiVersion) : 'must be a string';
    if (problem !== undefined) errors.push(fieldErrors.invalid(at('apiVersion'), apiVersion, problem));
  }
  if (kind !== undefined) {
    const problem = typeof kind === 'string' ? kindProblem(kind) : 'must be a string';
    if (problem !== undefined) errors.push(fieldErrors.invalid(at('kind'), kind, problem));
  }
  if (metadata === undefined || metadata === null) return;
  if (!isJsonObject(metadata)) {
    const detail = notMetadata(metadata);
    errors.push(fieldErrors.invalid(at('metadata'), metadata, detail));
    return;
  }
  errors.push(...metadataErrors(metadata).map((error) => ({...error, field: at(error.field)})));
}

/** It need not have a name. */
function metadataErrors(metadata: ObjectMeta): FieldError[] {
  const {name = '', namespace = ''} = metadata;
  return validateObjectMeta(
    {...metadata, name: name === '' ? 'fakename' : name},
    {namespaced: namespace !== '', custom: true, validateName: pathSegmentProblems},
  );
}

function versionProblem(apiVersion: string): string | undefined {
  if (apiVersion === '') return 'must not be empty';
  return apiVersion.split('/').length > 2 ? `unexpected GroupVersion string: ${apiVersion}` : undefined;
}

function kindProblem(kind: string): string | undefined {
  if (kind === '') return 'must not be empty';
  const problems = label1035Problems(kind.toLowerCase());
  if (problems.length === 0) return undefined;
  return `may have mixed case, but should otherwise match: ${problems.join(',')}`;
}
