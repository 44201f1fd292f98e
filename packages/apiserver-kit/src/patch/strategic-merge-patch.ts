import {goTypeOf, goValue} from '../errors/go-value.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson, isJsonObject, type JsonObject, type JsonValue, member, setMember} from '../json/json-value.ts';
import {fieldOf, type Schema} from '../schema/schema.ts';
import {cannotApply} from './patch-limits.ts';
import {orderedByPatch, partition} from './strategic-order.ts';

const patchDirective = '$patch';
const retainKeysDirective = '$retainKeys';
const deleteListPrefix = '$deleteFromPrimitiveList';
const orderPrefix = '$setElementOrder';

/**
 * Carries out a strategic merge patch, which knows of lists whose items are merged by a key. What is not patched is shared with `object`, which
 * is not changed.
 *
 * @param schema of a built-in kind: patch strategies and merge keys are those of its fields
 * @throws StatusError 400 or 422 for what is no such patch, 500 (without a reason, as Kubernetes answers) for one that does not fit the object
 * @see https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md
 */
export function strategicMergePatch(object: JsonObject, patch: JsonValue, schema: Schema): JsonObject {
  if (patch === null) return object;
  if (!isJsonObject(patch)) {
    const kind = Array.isArray(patch)
      ? 'array'
      : goTypeOf(patch)
          .replace(/\d+$/, '')
          .replace(/^(int|float)$/, 'number');
    throw statusErrors.badRequest(`json: cannot unmarshal ${kind} into Go value of type map[string]interface {}`);
  }
  return mergeObjects(object, patch, schema);
}

/** Kubernetes takes these for its own faults. */
function unfit(message: string): StatusError {
  return new StatusError(500, '', message);
}

function noMergeKey(item: JsonObject, key: string): StatusError {
  return unfit(`map: ${goValue(item)} does not contain declared merge key: ${key}`);
}

function wrongType(expected: JsonValue, actual: JsonValue): StatusError {
  return unfit(`expected a ${goTypeOf(expected)}, but received a ${goTypeOf(actual)}`);
}

function unknownDirective(directive: JsonValue, item: JsonObject): StatusError {
  const text = typeof directive === 'string' ? directive : `%!s(${goTypeOf(directive)}=${goValue(directive)})`;
  return unfit(`unknown patch type: ${text} in map: ${goValue(item)}`);
}

interface FieldStrategy {
  schema: Schema | undefined;
  strategy: string;
  mergeKey: string;
}

function strategyOf(schema: Schema | undefined, key: string): FieldStrategy {
  const field = schema && fieldOf(schema, key);
  const strategies = field?.['x-kubernetes-patch-strategy']?.split(',') ?? [];
  return {
    schema: field,
    strategy: strategies.find((each) => each !== 'retainKeys') ?? '',
    mergeKey: field?.['x-kubernetes-patch-merge-key'] ?? '',
  };
}

function mergeObjects(original: JsonObject, patch: JsonObject, schema: Schema | undefined): JsonObject {
  const directive = member(patch, patchDirective);
  if (directive === 'replace') return without(patch, [patchDirective]);
  if (directive === 'delete') return {};
  if (directive !== undefined) throw unknownDirective(directive, patch);

  const result = retained(original, patch);
  const done = new Set([retainKeysDirective]);
  for (const key of Object.keys(patch)) {
    if (!key.startsWith(orderPrefix)) continue;
    done.add(key);
    const list = listOf(key, orderPrefix);
    if (list === undefined) throw statusErrors.badRequest('invalid patch format of setElementOrder list');
    if (setOrder(result, patch, {order: patch[key] ?? null, list, schema})) done.add(list);
  }
  for (const key of Object.keys(patch)) {
    const value = patch[key];
    if (value !== undefined && !done.has(key)) mergeMember(result, key, value, schema);
  }
  return result;
}

function without(object: JsonObject, keys: readonly string[]): JsonObject {
  const rest: JsonObject = {};
  for (const key of Object.keys(object)) {
    const value = object[key];
    if (value !== undefined && !keys.includes(key)) setMember(rest, key, value);
  }
  return rest;
}

/** A copy of the members that `$retainKeys` lets stay; all of them without it. */
function retained(original: JsonObject, patch: JsonObject): JsonObject {
  const retain = member(patch, retainKeysDirective);
  if (retain === undefined) return {...original};
  const wrong = statusErrors.badRequest('invalid patch format of retainKeys');
  if (!Array.isArray(retain)) throw wrong;
  for (const [key, value] of Object.entries(patch)) {
    const directive = [retainKeysDirective, deleteListPrefix, orderPrefix].some((prefix) => key.startsWith(prefix));
    if (!directive && value !== null && !retain.includes(key)) throw wrong;
  }
  return without(
    original,
    Object.keys(original).filter((key) => !retain.includes(key)),
  );
}

/** What stands behind a prefix and a slash. */
function listOf(key: string, prefix: string): string | undefined {
  return key.startsWith(`${prefix}/`) ? key.slice(prefix.length + 1) : undefined;
}

/** Brings a list into the order that a directive says, merged with what the patch has of it. Returns whether that is done with. */
function setOrder(
  result: JsonObject,
  patch: JsonObject,
  {order, list, schema}: {order: JsonValue; list: string; schema: Schema | undefined},
): boolean {
  if (!Array.isArray(order)) throw wrongType([], order);
  const original = member(result, list);
  const patched = member(patch, list);
  if (original !== undefined && !Array.isArray(original)) throw wrongType([], original);
  if (patched !== undefined && !Array.isArray(patched)) throw wrongType([], patched);
  const field = strategyOf(schema, list);
  if (field.schema === undefined) throw unfit(`unable to find api field for the json field "${list}"`);
  checkOrder(patched ?? [], order, field.mergeKey);

  let merged: JsonValue[];
  if (original === undefined) {
    if (patched === undefined) return false;
    merged = withoutDirectives(patched) as JsonValue[];
  } else {
    merged = patched === undefined ? original : mergeLists(original, patched, field, false);
  }
  checkElements([original ?? [], patched ?? []]);
  const parts = partition(merged, order, keyReader(field.mergeKey));
  setMember(result, list, orderedByPatch(parts, order, original ?? [], keyReader(field.mergeKey)));
  return true;
}

/** What the patch has of a list must be in the order that it wants. */
function checkOrder(patched: readonly JsonValue[], order: readonly JsonValue[], mergeKey: string): void {
  if (patched.length === 0 || order.length === 0) return;
  const read = keyReader(mergeKey);
  const rest = mergeKey === '' ? patched : patched.filter((item) => directiveOf(item) !== 'delete');
  let next = 0;
  for (let place = 0; next < rest.length && place < order.length; ) {
    const item = rest[next]!;
    if (isJsonObject(item) && member(item, patchDirective) !== undefined) {
      next++;
      continue;
    }
    if (jsonEqual(read(item), read(order[place]!))) next++;
    place++;
  }
  if (next < rest.length) {
    throw unfit(
      `The order in patch list:\n${goValue([...patched])}\n doesn't match ${orderPrefix} list:\n${goValue([...order])}\n`,
    );
  }
}

/** Of an item of a list of objects. */
function directiveOf(item: JsonValue): JsonValue | undefined {
  if (!isJsonObject(item)) throw wrongType({}, item);
  return member(item, patchDirective);
}

/** Reads by what items of a list are told apart: a member of objects, or themselves. */
function keyReader(mergeKey: string): (item: JsonValue) => JsonValue {
  if (mergeKey === '') return (item) => item;
  return (item) => {
    if (!isJsonObject(item)) throw wrongType({}, item);
    const value = member(item, mergeKey);
    if (value === undefined) throw noMergeKey(item, mergeKey);
    return value;
  };
}

function mergeMember(result: JsonObject, given: string, value: JsonValue, schema: Schema | undefined): void {
  const deletes = given.startsWith(deleteListPrefix);
  const key = deletes ? listOf(given, deleteListPrefix) : given;
  if (key === undefined) throw statusErrors.badRequest('invalid patch format of primitive list');
  if (value === null) {
    delete result[key];
    return;
  }
  const original = member(result, key);
  if (Array.isArray(original) && Array.isArray(value)) {
    setMember(result, key, mergeLists(original, value, strategyOf(schema, key), deletes));
  } else if (deletes) {
    // There is no such list to take anything from.
  } else if (isJsonObject(original) && isJsonObject(value)) {
    const field = strategyOf(schema, key);
    setMember(result, key, field.strategy === 'replace' ? value : mergeObjects(original, value, field.schema));
  } else {
    const added = withoutDirectives(withoutNulls(value));
    if (added === undefined) delete result[key];
    else setMember(result, key, added);
  }
}

function withoutNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const rest: JsonObject = {};
  for (const key of Object.keys(value)) {
    const inner = value[key];
    if (inner !== undefined && inner !== null) setMember(rest, key, withoutNulls(inner));
  }
  return rest;
}

/** Without objects that only tell what to do; undefined where it is one itself. */
function withoutDirectives(value: JsonValue): JsonValue | undefined {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (member(value, patchDirective) !== undefined) return undefined;
  const rest: JsonObject = {};
  for (const key of Object.keys(value)) {
    const inner = value[key];
    const kept = inner === undefined ? undefined : withoutDirectives(inner);
    if (kept !== undefined) setMember(rest, key, kept);
  }
  return rest;
}

function mergeLists(
  original: readonly JsonValue[],
  patch: readonly JsonValue[],
  field: FieldStrategy,
  deletes: boolean,
): JsonValue[] {
  if (field.strategy !== 'merge' && !deletes) return cloneJson([...patch]);
  if (original.length === 0 && patch.length === 0) return [];
  checkElements([original, patch]);
  const first = original[0] ?? patch[0];
  if (!isJsonObject(first)) {
    if (deletes) return original.filter((item) => !patch.includes(item));
    const merged = [...new Set([...original, ...patch])];
    const read = keyReader(field.mergeKey);
    return orderedByPatch(partition(merged, patch, read), patch, original, read);
  }
  if (field.mergeKey === '') throw unfit('cannot merge lists without merge key for struct');
  return mergeObjectLists(original as JsonObject[], patch as JsonObject[], field);
}

/** Items must be of one type, and no lists. */
function checkElements(lists: readonly (readonly JsonValue[])[]): void {
  const types = new Set(lists.flat().map(goTypeOf));
  const [first] = types;
  if (first === undefined) throw unfit('no elements in any of the given slices');
  if (goTypeOf(lists.flat()[0]!) === goTypeOf([])) throw cannotApply('lists of lists are not supported');
  if (types.size > 1) throw unfit(`list element types are not identical: ${goValue(lists.map((list) => [...list]))}`);
}

function mergeObjectLists(
  original: readonly JsonObject[],
  patch: readonly JsonObject[],
  {mergeKey, schema}: FieldStrategy,
): JsonValue[] {
  let current = [...original];
  let items: JsonObject[] = [];
  let replace = false;
  for (const item of patch) {
    const directive = member(item, patchDirective);
    if (directive === undefined) {
      items.push(item);
    } else if (directive === 'delete') {
      const key = member(item, mergeKey);
      if (key === undefined) throw noMergeKey(item, mergeKey);
      current = current.filter((each) => !sameKey(member(each, mergeKey), key));
    } else if (directive === 'replace') {
      replace = true;
    } else if (directive === 'merge') {
      throw unfit('merging lists cannot yet be specified in the patch');
    } else {
      throw unknownDirective(directive, item);
    }
  }
  if (replace) [current, items] = [items, []];
  const order = [...current];
  for (const item of items) {
    const key = member(item, mergeKey);
    if (key === undefined) throw noMergeKey(item, mergeKey);
    const place = current.findIndex((each) => sameKey(member(each, mergeKey), key));
    if (place < 0) current.push(item);
    else current[place] = mergeObjects(current[place]!, item, schema?.items);
  }
  const read = keyReader(mergeKey);
  return orderedByPatch(partition(current, items, read), items, order, read);
}

function sameKey(left: JsonValue | undefined, right: JsonValue): boolean {
  return left !== undefined && jsonEqual(left, right);
}
