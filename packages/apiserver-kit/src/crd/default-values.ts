import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson, type JsonValue} from '../json/json-value.ts';
import {embeddedResourceErrors} from '../schema/embedded-resources.ts';
import {pruneUnknown} from '../schema/prune.ts';
import {rulesOfPart} from '../schema/rules.ts';
import type {Schema} from '../schema/schema.ts';
import {validateValue} from '../schema/validate.ts';

/**
 * What is wrong with defaults: they must be what the schema asks for, and nothing that it does not know.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting
 */
export function defaultErrors(schema: Schema, path: string): FieldError[] {
  return visit({...schema, 'x-kubernetes-embedded-resource': true}, path, false);
}

const resourceFields: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

/** @param isMeta in the schema of `metadata`, of which all fields are known whatever the schema says */
function visit(schema: Schema, path: string, isMeta: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const isResource = schema['x-kubernetes-embedded-resource'] === true;
  if (schema.default !== undefined && schema.default !== null) {
    errors.push(...checkDefault(schema.default, schema, `${path}.default`, isMeta && !isResource));
  }
  const {items, properties = {}} = schema;
  if (items) errors.push(...visit(items, `${path}.items`, isMeta));
  for (const [name, inner] of Object.entries(properties)) {
    const isMetaField = isResource ? resourceFields.has(name) : isMeta;
    errors.push(...visit(inner, `${path}.properties[${name}]`, isMetaField));
  }
  return errors;
}

function checkDefault(value: JsonValue, schema: Schema, path: string, isMeta: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const isResource = schema['x-kubernetes-embedded-resource'] === true;
  const pruned = cloneJson(value);
  pruneUnknown(pruned, schema, {isResourceRoot: isResource});
  if (!isMeta && !jsonEqual(pruned, value)) {
    errors.push(fieldErrors.invalid(path, value, 'must not have unknown fields'));
  }
  const embedded = embeddedResourceErrors(value, schema, path);
  if (embedded.length > 0) return [...errors, ...embedded];
  const values = validateValue(value, schema, {path});
  if (values.length > 0) return [...errors, ...values];
  const rules = rulesOfPart(schema, isResource);
  const asUpdate = rules.validate(value, value, {path});
  // A default comes where there was nothing, too.
  return [...errors, ...(asUpdate.length > 0 ? asUpdate : rules.validate(value, undefined, {path}))];
}
