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
  if (hasEmbedded(schema)) visit(value, schema, path, errors);
  return errors;
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

function visit(value: JsonValue, schema: Schema, path: string, errors: FieldError[]): void {
  if (!hasEmbedded(schema)) return;
  if (Array.isArray(value)) {
    const {items} = schema;
    if (items) for (const [index, item] of value.entries()) visit(item, items, `${path}[${index}]`, errors);
    return;
  }
  if (!isJsonObject(value)) return;
  if (schema['x-kubernetes-embedded-resource'] === true) checkResource(value, path, errors);
  for (const key of Object.keys(value)) {
    const field = fieldOf(schema, key);
    const inner = value[key];
    if (field === undefined || inner === undefined) continue;
    const isNamed = schema.properties !== undefined && Object.hasOwn(schema.properties, key);
    visit(inner, field, isNamed ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`, errors);
  }
}

function checkResource(resource: JsonObject, path: string, errors: FieldError[]): void {
  const at = (name: string): string => (path === '' ? name : `${path}.${name}`);
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
    const what = typeof metadata === 'object' ? 'array' : typeof metadata === 'boolean' ? 'bool' : typeof metadata;
    const detail = `json: cannot unmarshal ${what} into Go value of type v1.ObjectMeta`;
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
