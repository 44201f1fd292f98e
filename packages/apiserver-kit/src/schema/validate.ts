import {codePoints} from '../cel/standard-library.ts';
import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {goJson, goQuote} from '../errors/go-text.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import {isUnchanged, oldItemsOf, oldMember} from './correlation.ts';
import {Findings} from './findings.ts';
import {formatOf} from './format-of.ts';
import {hasFormat} from './formats.ts';
import {checkNumber} from './number-rules.ts';
import {compilePattern} from './patterns.ts';
import type {Schema} from './schema.ts';

export interface ValidateOptions {
  /** What was there before: what is wrong with parts that are still as they were is tolerated. */
  old?: JsonValue;
  /** Put before the paths of fields, such as `status`. The sentences name fields from the value on. */
  path?: string;
}

/**
 * Validates a value in the words of kube-openapi: types, formats, bounds, patterns, required fields, combinations of schemas.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
 */
export function validateValue(value: JsonValue, schema: Schema, options: ValidateOptions = {}): FieldError[] {
  const findings = new Findings(options.path ?? '');
  if (options.old === undefined) validate(value, schema, '', findings);
  else validateChange(value, schema, '', findings, options.old);
  return findings.errors;
}

/** As {@link validate}; what is wrong with a value that has not changed does not count. */
function validateChange(
  value: JsonValue,
  schema: Schema,
  path: string,
  findings: Findings,
  old: JsonValue | undefined,
): void {
  if (old === undefined) return validate(value, schema, path, findings);
  const before = findings.errors.length;
  validate(value, schema, path, findings, old);
  if (findings.errors.length > before && isUnchanged(value, old, schema)) findings.keepFirst(before);
}

/** Every check is made, whatever the others find, and counted as it is there: that decides which alternative fits best. */
function validate(value: JsonValue, schema: Schema, path: string, findings: Findings, old?: JsonValue): void {
  if (value === null) {
    checkNull(schema, path, findings);
    checkEnum(value, schema, path, findings);
    return;
  }
  if (hasTypeRule(schema)) {
    checkType(value, schema, path, findings);
    findings.matches++;
  }
  checkCombinations(value, schema, path, findings, old);
  if (typeof value === 'string') {
    checkString(value, schema, path, findings);
  } else if (typeof value === 'number' || typeof value === 'bigint') {
    checkNumber(value, schema, path, findings);
    findings.matches += 2;
  } else if (Array.isArray(value)) {
    checkArray(value, schema, path, findings, old);
    findings.matches += 2;
  }
  checkEnum(value, schema, path, findings);
  findings.matches++;
  if (isJsonObject(value)) {
    checkObject(value, schema, path, findings, old);
    findings.matches++;
  }
  findings.matches++;
}

function hasTypeRule(schema: Schema): boolean {
  return schema.type !== undefined || schema['x-kubernetes-int-or-string'] === true || formatOf(schema) !== '';
}

function typesOf({type, 'x-kubernetes-int-or-string': isIntOrString}: Schema): string[] {
  if (isIntOrString === true) return ['integer', 'string'];
  return type === undefined ? [] : [type];
}

function typeError(path: string, type: string, found: string): FieldError {
  return fieldErrors.typeInvalid(path, found, `${path} in body must be of type ${type}: ${goQuote(found)}`);
}

function checkNull(schema: Schema, path: string, findings: Findings): void {
  const types = typesOf(schema);
  if (types.length > 0 && schema.nullable !== true) findings.add(typeError(path, types.join(','), 'null'));
  else findings.matches++;
}

function checkType(value: JsonValue, schema: Schema, path: string, findings: Findings): void {
  const types = typesOf(schema);
  const format = formatOf(schema);
  const [found, foundFormat] = typeOf(value);
  const fits =
    types.includes(found) ||
    (found === 'number' && types.includes('integer') && isWhole(value)) ||
    (found === 'integer' && types.includes('number'));
  const isText = typeof value === 'string' || Array.isArray(value);
  if (format !== '' && !isText && !fits && foundFormat !== format) {
    findings.add(typeError(path, format, foundFormat));
    return;
  }
  const formatDecides = format !== '' && isText && !types.includes('number') && !types.includes('integer');
  if (!fits && !formatDecides) findings.add(typeError(path, types.join(','), found));
  else findings.matches++;
}

function typeOf(value: JsonValue): [type: string, format: string] {
  switch (typeof value) {
    case 'string':
      return ['string', ''];
    case 'boolean':
      return ['boolean', ''];
    case 'number':
      return Number.isSafeInteger(value) ? ['integer', 'int64'] : ['number', 'float64'];
    case 'bigint':
      return BigInt.asIntN(64, value) === value ? ['integer', 'int64'] : ['number', 'float64'];
    default:
      return [Array.isArray(value) ? 'array' : 'object', ''];
  }
}

/** A double that is a whole number and exact. */
function isWhole(value: JsonValue): boolean {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}

function checkString(value: string, schema: Schema, path: string, findings: Findings): void {
  const problem = stringProblem(value, schema, path);
  if (problem) findings.add(problem);
  findings.matches++;
  const format = formatOf(schema);
  if (format === '') return;
  const fits = hasFormat(format, value);
  if (fits === undefined) return;
  if (!fits) {
    const detail = `${path} in body must be of type ${format}: ${goQuote(value)}`;
    findings.add(fieldErrors.typeInvalid(path, value, detail));
  }
  findings.matches++;
}

function stringProblem(value: string, schema: Schema, path: string): FieldError | undefined {
  const {maxLength, minLength, pattern} = schema;
  // A code point is one or two units: mostly the number of units tells.
  if (maxLength !== undefined && value.length > maxLength && codePoints(value) > maxLength) {
    return fieldErrors.tooLong(path, maxLength);
  }
  if (minLength !== undefined && value.length < minLength * 2 && codePoints(value) < minLength) {
    return fieldErrors.invalid(path, value, `${path} in body should be at least ${minLength} chars long`);
  }
  if (pattern === undefined || pattern === '') return undefined;
  const compiled = compilePattern(pattern);
  if ('error' in compiled) {
    const shown = `${pattern}, but pattern is invalid: ${compiled.error}`;
    return fieldErrors.invalid(path, value, `${path} in body should match '${shown}'`);
  }
  if (compiled.matches(value)) return undefined;
  return fieldErrors.invalid(path, value, `${path} in body should match '${pattern}'`);
}

function checkEnum(value: JsonValue, schema: Schema, path: string, findings: Findings): void {
  const {enum: allowed} = schema;
  if (allowed === undefined || allowed.length === 0) return;
  if (value !== null && allowed.some((each) => isSame(value, each))) return;
  const shown = allowed.map((each) => (typeof each === 'string' ? each : goJson(each)));
  findings.add(fieldErrors.notSupported(path, value, shown));
}

function isSame(value: JsonValue, allowed: JsonValue): boolean {
  // A double is compared with an integer as one: without its fraction. That it is none is told elsewhere.
  if (typeof value === 'number' && Number.isInteger(allowed)) return Math.trunc(value) === allowed;
  return typeof value === 'string' ? value === allowed : jsonEqual(value, allowed);
}

function checkArray(
  value: JsonValue[],
  schema: Schema,
  path: string,
  findings: Findings,
  old: JsonValue | undefined,
): void {
  const {items, minItems, maxItems, uniqueItems} = schema;
  if (items) {
    const find = oldItemsOf(schema, old);
    for (const [index, item] of value.entries()) {
      validateChange(item, items, `${path}[${index}]`, findings, old === undefined ? undefined : find(item));
    }
  }
  if (minItems !== undefined && value.length < minItems) {
    const detail = `${path} in body should have at least ${minItems} items`;
    findings.add(fieldErrors.invalid(path, value.length, detail));
  }
  if (maxItems !== undefined && value.length > maxItems) {
    findings.add(fieldErrors.tooMany(path, value.length, maxItems));
  }
  if (uniqueItems === true && new Set(value.map(goJson)).size < value.length) {
    findings.add(fieldErrors.invalid(path, '', `${path} in body shouldn't contain duplicates`));
  }
}

function checkObject(
  value: JsonObject,
  schema: Schema,
  path: string,
  findings: Findings,
  old: JsonValue | undefined,
): void {
  const {properties, additionalProperties, required, minProperties, maxProperties} = schema;
  const keys = Object.keys(value);
  if (minProperties !== undefined && keys.length < minProperties) {
    const detail = `${path} in body should have at least ${minProperties} properties`;
    findings.add(fieldErrors.invalid(path, keys.length, detail));
  }
  if (maxProperties !== undefined && keys.length > maxProperties) {
    findings.add(fieldErrors.tooMany(path, keys.length, maxProperties));
  }
  for (const key of keys) {
    const inner = value[key];
    if (inner === undefined) continue;
    const before = old === undefined || isTypeField(path, key) ? undefined : oldMember(schema, old, key);
    if (properties !== undefined && Object.hasOwn(properties, key)) {
      const place = path === '' ? key : `${path}.${key}`;
      validateChange(inner, properties[key] as Schema, place, findings, before);
    } else if (typeof additionalProperties === 'object') {
      validateChange(inner, additionalProperties, `${path}.${key}`, findings, before);
    } else if (additionalProperties === false) {
      findings.add(fieldErrors.invalid(`${path}.${key}`, '', `${path}.${key} in body is a forbidden property`));
    }
  }
  if (!required) return;
  for (const key of required) {
    if (!Object.hasOwn(value, key) || value[key] === undefined) findings.add(fieldErrors.required(`${path}.${key}`));
  }
}

/** They are converted before anybody sees them: what they were says nothing. */
function isTypeField(path: string, key: string): boolean {
  return path === '' && (key === 'kind' || key === 'apiVersion');
}

function checkCombinations(
  value: JsonValue,
  schema: Schema,
  path: string,
  findings: Findings,
  old: JsonValue | undefined,
): void {
  const {allOf, anyOf, oneOf, not} = schema;
  findings.matches += 2;
  if (!allOf && !anyOf && !oneOf && !not) return;
  const attempt = (each: Schema): Findings => {
    const inner = findings.nested();
    validate(value, each, path, inner, old);
    return inner;
  };
  if (anyOf && anyOf.length > 0) checkAnyOf(anyOf, attempt, path, findings);
  if (oneOf && oneOf.length > 0) checkOneOf(oneOf, attempt, path, findings);
  if (allOf && allOf.length > 0) checkAllOf(allOf, attempt, path, findings);
  if (not && attempt(not).isClean) findings.addGeneral(`${goQuote(path)} must not validate the schema (not)`);
}

function checkAnyOf(alternatives: Schema[], attempt: (each: Schema) => Findings, path: string, findings: Findings) {
  let best: Findings | undefined;
  for (const each of alternatives) {
    const result = attempt(each);
    if (result.isClean) return findings.take(result);
    if (!best || result.matches > best.matches) best = result;
  }
  findings.addGeneral(`${goQuote(path)} must validate at least one schema (anyOf)`);
  if (best) findings.take(best);
}

function checkOneOf(alternatives: Schema[], attempt: (each: Schema) => Findings, path: string, findings: Findings) {
  const results = alternatives.map(attempt);
  const clean = results.filter(({isClean}) => isClean);
  const [first] = clean;
  if (clean.length === 1 && first) return findings.take(first);
  const found = clean.length === 0 ? 'Found none valid' : `Found ${clean.length} valid alternatives`;
  findings.addGeneral(`${goQuote(path)} must validate one and only one schema (oneOf). ${found}`);
  if (clean.length > 0) return;
  let best: Findings | undefined;
  for (const result of results) if (!best || result.matches > best.matches) best = result;
  if (best) findings.take(best);
}

function checkAllOf(parts: Schema[], attempt: (each: Schema) => Findings, path: string, findings: Findings) {
  let valid = 0;
  for (const each of parts) {
    const result = attempt(each);
    if (result.isClean) valid++;
    findings.take(result);
  }
  if (valid === parts.length) return;
  const none = valid === 0 ? '. None validated' : '';
  findings.addGeneral(`${goQuote(path)} must validate all the schemas (allOf)${none}`);
}
