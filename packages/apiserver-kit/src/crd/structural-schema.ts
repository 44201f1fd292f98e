import {describeFieldErrors, type FieldError, fieldErrors} from '../errors/field-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {JsonValue} from '../json/json-value.ts';
import {compilePattern} from '../schema/patterns.ts';
import type {Schema} from '../schema/schema.ts';

/**
 * Where a schema is not structural: a value must have one type, told in one place, whatever else is said of it in combinations of schemas.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
 */
export function structuralErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  checkInvariants(schema, 'root', path, errors);
  checkComplete(schema, schema, path, path, errors);
  return errors.toSorted((a, b) => (describeFieldErrors([a]) < describeFieldErrors([b]) ? -1 : 1));
}

type Level = 'root' | 'item' | 'field';

const untyped: Readonly<Record<Level, string>> = {
  root: 'must not be empty at the root',
  item: 'must not be empty for specified array items',
  field: 'must not be empty for specified object fields',
};

function checkInvariants(schema: Schema, level: Level, path: string, errors: FieldError[]): void {
  const {items, properties = {}, additionalProperties, type = ''} = schema;
  if (type === 'array' && items === undefined) errors.push(fieldErrors.required(`${path}.items`, 'must be specified'));
  if (items) checkInvariants(items, 'item', `${path}.items`, errors);
  for (const [name, inner] of Object.entries(properties)) {
    checkInvariants(inner, 'field', `${path}.properties[${name}]`, errors);
  }
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  if (additionalProperties !== undefined) {
    const place = `${path}.additionalProperties`;
    if (level === 'root') errors.push(fieldErrors.forbidden(place, 'must not be used at the root'));
    if (typeof additionalProperties === 'object') checkInvariants(additionalProperties, 'field', place, errors);
  }
  checkExtensions(schema, path, errors);
  checkValueRules(
    schema,
    {anyOf: isIntOrString(schema.anyOf), firstAllOf: startsWithIntOrString(schema)},
    path,
    errors,
  );
  checkType(schema, level, path, errors);
  if (isEmbedded && additionalProperties !== undefined) {
    const detail = 'must not be used if x-kubernetes-embedded-resource is set';
    errors.push(fieldErrors.forbidden(`${path}.additionalProperties`, detail));
  }
  checkResourceFields(properties, level, isEmbedded, path, errors);
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true;
  if (isEmbedded && !keepsUnknown && Object.keys(properties).length === 0) {
    const detail =
      'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields';
    errors.push(fieldErrors.required(`${path}.properties`, detail));
  }
}

function checkType(schema: Schema, level: Level, path: string, errors: FieldError[]): void {
  const {type = ''} = schema;
  if (schema['x-kubernetes-embedded-resource'] === true && type !== 'object') {
    const detail = 'must be object if x-kubernetes-embedded-resource is true';
    const place = `${path}.type`;
    errors.push(type === '' ? fieldErrors.required(place, detail) : fieldErrors.invalid(place, type, detail));
  } else if (
    type === '' &&
    schema['x-kubernetes-int-or-string'] !== true &&
    schema['x-kubernetes-preserve-unknown-fields'] !== true
  ) {
    errors.push(fieldErrors.required(`${path}.type`, untyped[level]));
  }
  if (level === 'root' && type !== '' && type !== 'object') {
    errors.push(fieldErrors.invalid(`${path}.type`, type, 'must be object at the root'));
  }
}

function checkExtensions(schema: Schema, path: string, errors: FieldError[]): void {
  if (schema['x-kubernetes-int-or-string'] !== true) return;
  for (const name of ['x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'] as const) {
    if (schema[name] !== true) continue;
    errors.push(fieldErrors.invalid(`${path}.${name}`, true, 'must be false if x-kubernetes-int-or-string is true'));
  }
}

function checkResourceFields(
  properties: Record<string, Schema>,
  level: Level,
  isEmbedded: boolean,
  path: string,
  errors: FieldError[],
): void {
  const isResource = level === 'root' || isEmbedded;
  for (const name of ['kind', 'apiVersion']) {
    const field = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!isResource || !field || field.type === 'string') continue;
    errors.push(fieldErrors.invalid(`${path}.properties[${name}].type`, field.type ?? '', 'must be string'));
  }
  const metadata = Object.hasOwn(properties, 'metadata') ? properties['metadata'] : undefined;
  if (!metadata) return;
  const place = `${path}.properties[metadata]`;
  if (isResource && metadata.type !== 'object') {
    errors.push(fieldErrors.invalid(`${place}.type`, metadata.type ?? '', 'must be object'));
  }
  if (level !== 'root' || saysOnlyNames(metadata)) return;
  const detail = 'must not specify anything other than name and generateName, but metadata is implicitly specified';
  errors.push(fieldErrors.forbidden(place, detail));
}

function saysOnlyNames(metadata: Schema): boolean {
  const names = Object.keys(metadata.properties ?? {});
  const others = Object.entries(metadata).filter(
    ([key, value]) => !['type', 'default', 'properties'].includes(key) && value !== false && value !== undefined,
  );
  return others.length === 0 && names.every((name) => name === 'name' || name === 'generateName');
}

const intOrString: Schema[] = [{type: 'integer'}, {type: 'string'}];

/** The one combination that may name types. */
function isIntOrString(anyOf: Schema[] | undefined): boolean {
  return jsonEqual(anyOf as JsonValue | undefined, intOrString as JsonValue);
}

function startsWithIntOrString({allOf}: Schema): boolean {
  return isIntOrString(allOf?.[0]?.anyOf);
}

interface MayNameTypes {
  anyOf: boolean;
  firstAllOf: boolean;
}

const strict: MayNameTypes = {anyOf: false, firstAllOf: false};

function checkValueRules(schema: Schema, may: MayNameTypes, path: string, errors: FieldError[]): void {
  const {anyOf = [], allOf = [], oneOf = [], not, pattern} = schema;
  if (!may.anyOf)
    for (const [index, each] of anyOf.entries()) checkNested(each, strict, `${path}.anyOf[${index}]`, errors);
  for (const [index, each] of allOf.entries()) {
    checkNested(each, {anyOf: may.firstAllOf && index === 0, firstAllOf: false}, `${path}.allOf[${index}]`, errors);
  }
  for (const [index, each] of oneOf.entries()) checkNested(each, strict, `${path}.oneOf[${index}]`, errors);
  if (not) checkNested(not, strict, `${path}.not`, errors);
  if (pattern === undefined || pattern === '') return;
  const compiled = compilePattern(pattern);
  if ('error' in compiled) {
    const detail = `must be a valid regular expression, but isn't: ${compiled.error}`;
    errors.push(fieldErrors.invalid(`${path}.pattern`, pattern, detail));
  }
}

const forbidden: readonly (readonly [keyof Schema, string])[] = [
  ['type', 'must be empty to be structural'],
  ['additionalProperties', 'must be undefined to be structural'],
  ['default', 'must be undefined to be structural'],
  ['title', 'must be empty to be structural'],
  ['description', 'must be empty to be structural'],
  ['nullable', 'must be false to be structural'],
  ['x-kubernetes-preserve-unknown-fields', 'must be false to be structural'],
  ['x-kubernetes-embedded-resource', 'must be false to be structural'],
  ['x-kubernetes-int-or-string', 'must be false to be structural'],
  ['x-kubernetes-list-map-keys', 'must be empty to be structural'],
  ['x-kubernetes-list-type', 'must be undefined to be structural'],
  ['x-kubernetes-map-type', 'must be undefined to be structural'],
  ['x-kubernetes-validations', 'must be empty to be structural'],
];

/** In a combination only values are bound. */
function checkNested(schema: Schema, may: MayNameTypes, path: string, errors: FieldError[]): void {
  checkValueRules(schema, may, path, errors);
  const {items, properties = {}} = schema;
  if (items) checkNested(items, strict, `${path}.items`, errors);
  for (const [name, inner] of Object.entries(properties)) {
    checkNested(inner, strict, `${path}.properties[${name}]`, errors);
  }
  for (const [name, detail] of forbidden) {
    const value: unknown = schema[name];
    const isSet =
      value !== undefined && value !== false && value !== '' && !(Array.isArray(value) && value.length === 0);
    if (isSet) errors.push(fieldErrors.forbidden(`${path}.${name}`, detail));
  }
  if (Object.hasOwn(properties, 'metadata')) {
    const place = `${path}.properties[metadata]`;
    errors.push(fieldErrors.forbidden(place, 'must not be specified in a nested context'));
  }
}

/** Whatever a combination speaks of must be declared outside of it. */
function checkComplete(rules: Schema, schema: Schema, path: string, rulesPath: string, errors: FieldError[]): void {
  const {anyOf = [], allOf = [], oneOf = [], not} = rules;
  if (not) checkNestedComplete(not, schema, path, `${rulesPath}.not`, errors);
  for (const [name, parts] of Object.entries({allOf, anyOf, oneOf})) {
    for (const [index, part] of parts.entries()) {
      checkNestedComplete(part, schema, path, `${rulesPath}.${name}[${index}]`, errors);
    }
  }
}

function checkNestedComplete(
  rules: Schema,
  schema: Schema | undefined,
  path: string,
  rulesPath: string,
  errors: FieldError[],
): void {
  if (!schema) {
    errors.push(fieldErrors.required(path, `because it is defined in ${rulesPath}`));
    return;
  }
  checkComplete(rules, schema, path, rulesPath, errors);
  if (rules.items) checkNestedComplete(rules.items, schema.items, `${path}.items`, `${rulesPath}.items`, errors);
  for (const [name, part] of Object.entries(rules.properties ?? {})) {
    const {properties} = schema;
    const field = properties && Object.hasOwn(properties, name) ? properties[name] : undefined;
    checkNestedComplete(part, field, `${path}.properties[${name}]`, `${rulesPath}.properties[${name}]`, errors);
  }
}
