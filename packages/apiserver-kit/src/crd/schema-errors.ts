import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {rulePath} from '../schema/rule-path.ts';
import type {Schema, ValidationRule} from '../schema/schema.ts';
import {type CostTotal, RuleScope} from './rule-scope.ts';

/** What a place of a schema inherits from those above. */
interface Scope {
  /** Why no default may be here; undefined: it may. */
  noDefaults?: string;
  /** In the schema of `metadata`, `kind` or `apiVersion`. */
  isMeta: boolean;
  /** The topmost place whose parts can't be told apart in two states of an object. */
  uncorrelatable?: string;
  isRoot: boolean;
  /** Undefined: rules are not looked at. */
  rules: RuleScope | undefined;
}

/** What is wrong with a schema, and apart from that, with its rules. */
interface Problems {
  schema: FieldError[];
  rules: FieldError[];
}

export interface SchemaErrorOptions {
  /** Rules are not looked at: the schema is not structural. */
  ignoreRules: boolean;
  /** A single rule may cost what it wants: it was there before. */
  ignoreRuleCosts: boolean;
}

/** What is wrong with a schema of a definition beyond its structure. */
export function schemaErrors(
  schema: Schema,
  path: string,
  {ignoreRules, ignoreRuleCosts}: SchemaErrorOptions,
): {errors: FieldError[]; cost: CostTotal | undefined} {
  const rules = ignoreRules ? undefined : RuleScope.root(schema, ignoreRuleCosts);
  const problems = visit(schema, path, {isMeta: false, isRoot: true, rules});
  return {errors: [...problems.schema, ...problems.rules], cost: rules?.total};
}

const types: ReadonlySet<string> = new Set(['array', 'boolean', 'integer', 'number', 'object', 'string']);
const resourceFields: ReadonlySet<string> = new Set(['metadata', 'kind', 'apiVersion']);
const unsupported = ['id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref'] as const;

function visit(schema: Schema, path: string, scope: Scope): Problems {
  const problems: Problems = {schema: standardErrors(schema, path, scope), rules: []};
  const add = (inner: Problems): void => {
    problems.schema.push(...inner.schema);
    problems.rules.push(...inner.rules);
  };
  if (schema.uniqueItems === true) {
    const detail = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic';
    problems.schema.push(fieldErrors.forbidden(`${path}.uniqueItems`, detail));
  }
  visitMembers(schema, path, scope, problems, add);
  const nested: Scope = {...scope, isRoot: false, rules: undefined};
  if (schema.not) add(visit(schema.not, `${path}.not`, nested));
  for (const name of ['allOf', 'oneOf', 'anyOf'] as const) {
    for (const [index, part] of (schema[name] ?? []).entries()) add(visit(part, `${path}.${name}[${index}]`, nested));
  }
  if (schema.items && !Array.isArray(schema.items)) {
    const isMap = schema['x-kubernetes-list-type'] === 'map';
    const inner: Scope = {...scope, isRoot: false, rules: scope.rules?.part(schema.items)};
    if (!isMap) inner.uncorrelatable ??= path;
    add(visit(schema.items, `${path}.items`, inner));
  }
  problems.schema.push(...extensionErrors(schema, path));
  const rules = schema['x-kubernetes-validations'] ?? [];
  for (const [index, rule] of rules.entries()) {
    problems.schema.push(...ruleShapeErrors(rule, schema, `${path}.x-kubernetes-validations[${index}]`));
  }
  if (rules.length > 0 && problems.schema.length === 0 && scope.rules) {
    problems.rules.push(...scope.rules.errors(`${path}.x-kubernetes-validations`, scope.uncorrelatable));
  }
  return problems;
}

function visitMembers(
  schema: Schema,
  path: string,
  scope: Scope,
  problems: Problems,
  add: (inner: Problems) => void,
): void {
  const {properties = {}, additionalProperties} = schema;
  if (additionalProperties !== undefined) {
    if (Object.keys(properties).length > 0 && additionalProperties !== true) {
      const detail = 'additionalProperties and properties are mutual exclusive';
      problems.schema.push(fieldErrors.forbidden(`${path}.additionalProperties`, detail));
    }
    if (typeof additionalProperties === 'object') {
      const inner: Scope = {...scope, isRoot: false, rules: scope.rules?.part(additionalProperties)};
      if (scope.isMeta) inner.noDefaults = 'inside additionalProperties applying to object metadata';
      add(visit(additionalProperties, `${path}.additionalProperties`, inner));
    }
  }
  const isResource = scope.isRoot || schema['x-kubernetes-embedded-resource'] === true;
  for (const [name, part] of Object.entries(properties)) {
    const inner: Scope = {...scope, isRoot: false, rules: scope.rules?.part(part)};
    if (isResource && resourceFields.has(name)) {
      inner.isMeta = true;
      if (scope.isRoot) inner.noDefaults = `in top-level ${name}`;
    }
    add(visit(part, `${path}.properties[${name}]`, inner));
  }
}

function standardErrors(schema: Schema, path: string, scope: Scope): FieldError[] {
  const errors: FieldError[] = [];
  const {type = ''} = schema;
  const at = (name: string): string => `${path}.${name}`;
  if (type !== '' && !types.has(type)) errors.push(fieldErrors.notSupported(at('type'), type, [...types]));
  if (schema.default !== undefined && scope.noDefaults !== undefined) {
    errors.push(fieldErrors.forbidden(at('default'), `must not be set ${scope.noDefaults}`));
  }
  for (const name of unsupported) {
    if (Object.hasOwn(schema, name)) errors.push(fieldErrors.forbidden(at(name), `${name} is not supported`));
  }
  if ((type as string) === 'null') {
    errors.push(fieldErrors.forbidden(at('type'), 'type cannot be set to null, use nullable as an alternative'));
  }
  if (Array.isArray(schema.items)) {
    errors.push(fieldErrors.forbidden(at('items'), 'items must be a schema object and not an array'));
  }
  if (scope.isMeta && schema['x-kubernetes-embedded-resource'] === true) {
    const detail = 'must not be used inside of resource meta';
    errors.push(fieldErrors.forbidden(at('x-kubernetes-embedded-resource'), detail));
  }
  return errors;
}

function extensionErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const {type = '', 'x-kubernetes-map-type': mapType, 'x-kubernetes-list-type': listType} = schema;
  const mustBe = (wanted: string, extension: string): void => {
    const detail = `must be ${wanted} if ${extension} is specified`;
    errors.push(
      type === '' ? fieldErrors.required(`${path}.type`, detail) : fieldErrors.invalid(`${path}.type`, type, detail),
    );
  };
  if (schema['x-kubernetes-preserve-unknown-fields'] === false) {
    const detail = 'must be true or undefined';
    errors.push(fieldErrors.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, false, detail));
  }
  if (mapType !== undefined) {
    if (type !== 'object') mustBe('object', 'x-kubernetes-map-type');
    const known = ['atomic', 'granular'];
    if (!known.includes(mapType))
      errors.push(fieldErrors.notSupported(`${path}.x-kubernetes-map-type`, mapType, known));
  }
  if (listType !== undefined) {
    if (type !== 'array') mustBe('array', 'x-kubernetes-list-type');
    else if (listType === 'set') errors.push(...setItemErrors(schema, path));
    const known = ['atomic', 'set', 'map'];
    if (!known.includes(listType)) {
      errors.push(fieldErrors.notSupported(`${path}.x-kubernetes-list-type`, listType, known));
    }
  }
  errors.push(...listMapErrors(schema, path), ...keyErrors(schema, path));
  return errors;
}

/** Elements of a set are compared as a whole. */
function setItemErrors({items}: Schema, path: string): FieldError[] {
  if (!items) return [];
  const detail = 'must be atomic as item of a list with x-kubernetes-list-type=set';
  const {type, 'x-kubernetes-list-type': listType, 'x-kubernetes-map-type': mapType} = items;
  if (type === 'array' && listType !== undefined && listType !== 'atomic') {
    return [fieldErrors.invalid(`${path}.items.x-kubernetes-list-type`, listType, detail)];
  }
  if (type !== 'object' || mapType === 'atomic') return [];
  return [fieldErrors.invalid(`${path}.items.x-kubernetes-map-type`, listType ?? null, detail)];
}

function listMapErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const {items, 'x-kubernetes-list-type': listType, 'x-kubernetes-list-map-keys': keys = []} = schema;
  const keysPath = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length > 0 && listType !== 'map') {
    const detail = 'must be map if x-kubernetes-list-map-keys is non-empty';
    const place = `${path}.x-kubernetes-list-type`;
    errors.push(
      listType === undefined ? fieldErrors.required(place, detail) : fieldErrors.invalid(place, listType, detail),
    );
  }
  if (listType !== 'map') return errors;
  if (keys.length === 0) {
    errors.push(fieldErrors.required(keysPath, 'must not be empty if x-kubernetes-list-type is map'));
  }
  if (!items) {
    errors.push(fieldErrors.required(`${path}.items`, 'must have a schema if x-kubernetes-list-type is map'));
    return errors;
  }
  if (items.type !== 'object') {
    const detail = "must be object if parent array's x-kubernetes-list-type is map";
    errors.push(fieldErrors.invalid(`${path}.items.type`, items.type ?? '', detail));
    return errors;
  }
  for (const [index, key] of keys.entries()) {
    const field = items.properties && Object.hasOwn(items.properties, key) ? items.properties[key] : undefined;
    if (!field) errors.push(fieldErrors.invalid(keysPath, keys, 'entries must all be names of item properties'));
    else if (field.type === 'array' || field.type === 'object') {
      const detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      errors.push(fieldErrors.invalid(`${path}.items.properties[${key}].type`, items.type, detail));
    }
    if (keys.indexOf(key) < index) {
      errors.push(fieldErrors.invalid(keysPath, keys, 'must not contain duplicate entries'));
    }
  }
  return errors;
}

/** Elements that have no keys, or are null, can't be told apart. */
function keyErrors(schema: Schema, path: string): FieldError[] {
  const {items, 'x-kubernetes-list-type': listType, 'x-kubernetes-list-map-keys': keys = []} = schema;
  if (!items || (listType !== 'set' && listType !== 'map')) return [];
  const errors: FieldError[] = [];
  if (items.nullable === true) {
    const detail = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    errors.push(fieldErrors.forbidden(`${path}.items.nullable`, detail));
  }
  if (listType === 'set') return errors;
  for (const key of keys) {
    const field = items.properties && Object.hasOwn(items.properties, key) ? items.properties[key] : undefined;
    if (!field) continue;
    const place = `${path}.items.properties[${key}]`;
    const what = 'this property is in x-kubernetes-list-map-keys, so it';
    if (!items.required?.includes(key) && (field.default === undefined || field.default === null)) {
      errors.push(fieldErrors.required(`${place}.default`, `${what} must have a default or be a required property`));
    }
    if (field.nullable === true) errors.push(fieldErrors.forbidden(`${place}.nullable`, `${what} cannot be nullable`));
  }
  return errors;
}

const reasons = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

function ruleShapeErrors(rule: ValidationRule, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const {message = '', messageExpression = '', fieldPath = '', reason} = rule;
  const text = rule.rule.trim();
  const trimmed = message.trim();
  if (text === '') errors.push(fieldErrors.required(`${path}.rule`, 'rule is not specified'));
  else if (message !== '' && trimmed === '') {
    errors.push(fieldErrors.invalid(`${path}.message`, message, 'must be non-empty if specified'));
  } else if (hasBreaks(trimmed)) {
    errors.push(fieldErrors.invalid(`${path}.message`, message, 'must not contain line breaks'));
  } else if (hasBreaks(text) && trimmed === '') {
    const detail = 'message must be specified if rule contains line breaks';
    errors.push(fieldErrors.required(`${path}.message`, detail));
  }
  if (messageExpression !== '' && messageExpression.trim() === '') {
    const detail = 'messageExpression must be non-empty if specified';
    errors.push(fieldErrors.required(`${path}.messageExpression`, detail));
  }
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(fieldErrors.notSupported(`${path}.reason`, reason, reasons));
  }
  if (fieldPath === '') return errors;
  const at = `${path}.fieldPath`;
  if (fieldPath.trim() === '') errors.push(fieldErrors.invalid(at, fieldPath, 'must be non-empty if specified'));
  if (hasBreaks(fieldPath)) errors.push(fieldErrors.invalid(at, fieldPath, 'must not contain line breaks'));
  if ('error' in rulePath(fieldPath, schema)) errors.push(fieldErrors.invalid(at, fieldPath, 'must be a valid path'));
  return errors;
}

function hasBreaks(text: string): boolean {
  return /[\n\r]/.test(text);
}
