import {statusErrors} from '../errors/status-error.ts';
import {cloneJson, isJsonObject, type JsonObject, type JsonValue, member, setMember} from '../json/json-value.ts';

export interface MergePatchOptions {
  /** `Ignore` refuses what is no object in fewer words. Default: `Warn`. */
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
}

/**
 * Merges a patch (RFC 7386) into an object: null takes a member away, objects are merged, everything else replaces. What is not patched is
 * shared with `object`, which is not changed.
 *
 * @throws StatusError 400 for a patch that is not an object
 */
export function mergePatch(object: JsonObject, patch: JsonValue, options: MergePatchOptions = {}): JsonObject {
  if (isJsonObject(patch)) return merged(object, patch);
  if (patch === null || options.fieldValidation === 'Ignore') throw statusErrors.badRequest('Invalid JSON Patch');
  const kind = Array.isArray(patch) ? 'array' : typeof patch === 'boolean' ? 'bool' : typeof patch;
  throw statusErrors.badRequest(
    `error decoding patch: json: cannot unmarshal ${kind === 'bigint' ? 'number' : kind} into Go value of type map[string]interface {}`,
  );
}

function merged(object: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = {};
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value === undefined) continue;
    const change = member(patch, key);
    if (change === null) continue;
    setMember(result, key, change === undefined ? value : mergedValue(value, change));
  }
  for (const key of Object.keys(patch)) {
    const change = patch[key];
    if (change === undefined || change === null || member(object, key) !== undefined) continue;
    setMember(result, key, withoutNulls(change));
  }
  return result;
}

function mergedValue(value: JsonValue, change: JsonValue): JsonValue {
  return isJsonObject(value) && isJsonObject(change) ? merged(value, change) : withoutNulls(change);
}

/** A null of a patch says that there is no such member, also in what the patch adds. Nulls in arrays stay. */
function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((item) => withoutNulls(item));
  if (!isJsonObject(value)) return cloneJson(value);
  const result: JsonObject = {};
  for (const key of Object.keys(value)) {
    const inner = value[key];
    if (inner !== undefined && inner !== null) setMember(result, key, withoutNulls(inner));
  }
  return result;
}
