import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {goNumber} from '../errors/go-text.ts';
import {isJsonObject, type JsonObject, type JsonValue, member} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {ScaleSubresource} from '../registry/resource.ts';

const MAX_REPLICAS = 2 ** 31 - 1;

/** What is wrong with the fields that the scale subresource reads and writes. */
export function scaleErrors(object: KubeObject, scale: ScaleSubresource, subresource: string): FieldError[] {
  const errors = subresource === 'status' ? [] : replicasErrors(object, scale.specReplicasPath);
  errors.push(...replicasErrors(object, scale.statusReplicasPath));
  const {labelSelectorPath} = scale;
  if (labelSelectorPath === undefined || labelSelectorPath === '') return errors;
  const selector = at(object, labelSelectorPath);
  if ('error' in selector) errors.push(fieldErrors.invalid(labelSelectorPath, '', selector.error));
  else if (selector.value !== undefined && typeof selector.value !== 'string') {
    errors.push(fieldErrors.invalid(labelSelectorPath, '', wrongType(labelSelectorPath, selector.value, 'string')));
  }
  return errors;
}

function replicasErrors(object: KubeObject, path: string): FieldError[] {
  const found = at(object, path);
  if ('error' in found) return [fieldErrors.invalid(path, 0, found.error)];
  const {value} = found;
  if (value === undefined) return [];
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    return [fieldErrors.invalid(path, 0, wrongType(path, value, 'int64'))];
  }
  if (value < 0) return [fieldErrors.invalid(path, value, 'should be a non-negative integer')];
  if (value <= MAX_REPLICAS) return [];
  return [fieldErrors.invalid(path, value, `should be less than or equal to ${MAX_REPLICAS}`)];
}

function at(object: KubeObject, path: string): {value: JsonValue | undefined} | {error: string} {
  const names = path.replace(/^\./, '').split('.');
  let value: JsonValue | undefined = object;
  for (const [index, name] of names.entries()) {
    if (value === undefined || value === null) return {value: undefined};
    if (!isJsonObject(value)) {
      const place = names.slice(0, index + 1).join('.');
      const detail = `accessor error: ${goValue(value)} is of the type ${goType(value)}, expected map[string]interface{}`;
      return {error: `.${place} ${detail}`};
    }
    value = member(value, name);
  }
  return {value};
}

function wrongType(path: string, value: JsonValue, expected: string): string {
  return `${path} accessor error: ${goValue(value)} is of the type ${goType(value)}, expected ${expected}`;
}

function goType(value: JsonValue): string {
  if (value === null) return '<nil>';
  if (typeof value === 'string') return 'string';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number' || typeof value === 'bigint') {
    return typeof value === 'bigint' || Number.isInteger(value) ? 'int64' : 'float64';
  }
  return Array.isArray(value) ? '[]interface {}' : 'map[string]interface {}';
}

/** As Go's `%v`. */
function goValue(value: JsonValue): string {
  if (value === null) return '<nil>';
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (isJsonObject(value)) return `map[${members(value).join(' ')}]`;
  return String(value);
}

function members(object: JsonObject): string[] {
  return Object.keys(object)
    .sort()
    .map((key) => `${key}:${goValue(object[key] ?? null)}`);
}
