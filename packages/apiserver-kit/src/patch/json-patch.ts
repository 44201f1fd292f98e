import {type StatusError, statusErrors} from '../errors/status-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import {
  cloneJson,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  MAX_DEPTH,
  member,
  setMember,
} from '../json/json-value.ts';
import {jsonExtent} from './json-extent.ts';
import {cannotApply, MAX_COPIED_BYTES, MAX_OPERATIONS, tooManyOperations} from './patch-limits.ts';

export interface JsonPatchOptions {
  /** `Ignore` is less strict about the types of members that an operation does not need, and says it in other words. Default: `Warn`. */
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
}

/**
 * Carries out a JSON patch (RFC 6902) on a copy. As in Kubernetes, `replace` of a member that is not there adds it, a negative index counts
 * from the end, and a `test` without a value is for null or nothing.
 *
 * @throws StatusError 400 for what is no patch, 413 for too many operations, 422 for one that cannot be carried out
 */
export function jsonPatch(object: JsonValue, operations: JsonValue, options: JsonPatchOptions = {}): JsonValue {
  const decoded = decodeOperations(operations, options.fieldValidation !== 'Ignore');
  if (decoded.length > MAX_OPERATIONS) throw tooManyOperations(decoded.length);
  return new Patching(cloneJson(object)).run(decoded);
}

/** Members of operations that JSON patch does not know, in the words of a strict decoder: `json patch unknown field "[0].extra"`. */
export function unknownFieldsOfJsonPatch(operations: JsonValue): string[] {
  if (!Array.isArray(operations)) return [];
  return operations.flatMap((operation, index) =>
    isJsonObject(operation)
      ? Object.keys(operation)
          .filter((key) => !members.includes(key))
          .map((key) => `json patch unknown field "[${index}].${key}"`)
      : [],
  );
}

const members = ['op', 'path', 'from', 'value'];

function decodeOperations(operations: JsonValue, strict: boolean): JsonObject[] {
  const fail = (value: JsonValue, what: string): StatusError =>
    statusErrors.badRequest(
      `${strict ? 'error decoding patch: ' : ''}json: cannot unmarshal ${kindOf(value)} into Go ${what}`,
    );
  if (operations === null) return [];
  if (!Array.isArray(operations)) {
    throw fail(operations, `value of type ${strict ? '[]handlers.jsonPatchOp' : 'jsonpatch.Patch'}`);
  }
  return operations.map((operation) => {
    if (operation === null) return {};
    if (!isJsonObject(operation)) {
      throw fail(operation, `value of type ${strict ? 'handlers.jsonPatchOp' : 'jsonpatch.Operation'}`);
    }
    if (strict) {
      for (const key of ['op', 'path', 'from']) {
        const value = member(operation, key) ?? null;
        if (value !== null && typeof value !== 'string') {
          throw fail(value, `struct field jsonPatchOp.${key} of type string`);
        }
      }
    }
    return operation;
  });
}

function kindOf(value: JsonValue): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

type Container = JsonObject | JsonValue[];

/** A document on which operations are carried out, in place. */
class Patching {
  #document: JsonValue;
  #copied = 0;

  constructor(document: JsonValue) {
    this.#document = document;
  }

  run(operations: readonly JsonObject[]): JsonValue {
    for (const operation of operations) this.#carryOut(operation);
    // What nests deeper than anything that can be read would overflow the stack of whoever walks over it.
    const {depth} = jsonExtent(this.#document, {size: Infinity, depth: MAX_DEPTH});
    if (depth > MAX_DEPTH) throw cannotApply('exceeded max depth');
    return this.#document;
  }

  #carryOut(operation: JsonObject): void {
    const op = member(operation, 'op');
    const path = (): string => textOf(operation, 'path');
    const from = (): string => textOf(operation, 'from');
    const value = (): JsonValue => cloneJson(member(operation, 'value') ?? null);
    switch (op) {
      case 'add':
        return this.#add(path(), value());
      case 'remove':
        return this.#remove(path());
      case 'replace':
        return this.#replace(path(), value());
      case 'move': {
        const moved = this.#get(from());
        this.#remove(from());
        return this.#add(path(), moved);
      }
      case 'copy': {
        const source = this.#get(from());
        const {size, depth} = jsonExtent(source, {size: MAX_COPIED_BYTES - this.#copied, depth: MAX_DEPTH});
        this.#copied += size;
        if (this.#copied > MAX_COPIED_BYTES) throw cannotApply('the copies of this patch are too large');
        if (depth > MAX_DEPTH) throw cannotApply('exceeded max depth');
        return this.#add(path(), cloneJson(source));
      }
      case 'test':
        return this.#test(path(), value());
      default:
        throw cannotApply(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`);
    }
  }

  #add(path: string, value: JsonValue): void {
    const {container, key} = this.#find(path);
    if (!Array.isArray(container)) return setMember(container, key, value);
    if (key === '-') container.push(value);
    else container.splice(indexOf(key, container.length + 1), 0, value);
  }

  #remove(path: string): void {
    const {container, key} = this.#find(path);
    if (Array.isArray(container)) container.splice(indexOf(key, container.length), 1);
    else if (Object.hasOwn(container, key)) delete container[key];
    else throw cannotApply(`Unable to remove nonexistent key: ${key}`);
  }

  #replace(path: string, value: JsonValue): void {
    if (path === '') {
      if (typeof value !== 'object' || value === null)
        throw cannotApply('replace operation value must be object or array');
      this.#document = value;
      return;
    }
    const {container, key} = this.#find(path);
    if (Array.isArray(container)) container[indexOf(key, container.length)] = value;
    else setMember(container, key, value);
  }

  #test(path: string, value: JsonValue): void {
    const found = path === '' ? this.#document : this.#get(path);
    if (!jsonEqual(found, value)) throw cannotApply(`testing value ${path} failed`);
  }

  /** Null of a member that is not there. */
  #get(path: string): JsonValue {
    const {container, key} = this.#find(path);
    return Array.isArray(container) ? container[indexOf(key, container.length)]! : (member(container, key) ?? null);
  }

  #find(path: string): {container: Container; key: string} {
    const parts = path.split('/').map(unescape);
    if (parts.length < 2) throw cannotApply(`doc is missing path: ${path}`);
    let container: JsonValue = this.#document;
    for (const part of parts.slice(1, -1)) {
      const inner: JsonValue | undefined = Array.isArray(container)
        ? container[indexOf(part, container.length)]
        : member(container as JsonObject, part);
      if (typeof inner !== 'object' || inner === null) throw cannotApply(`doc is missing path: ${path}`);
      container = inner;
    }
    if (typeof container !== 'object' || container === null) throw cannotApply(`doc is missing path: ${path}`);
    return {container, key: parts.at(-1)!};
  }
}

function textOf(operation: JsonObject, key: string): string {
  const value = member(operation, key);
  if (typeof value !== 'string') throw cannotApply(`operation missing ${key} field`);
  return value;
}

/** Of an array: what stands in a path, where a negative one counts from the end. */
function indexOf(key: string, length: number): number {
  if (!/^[+-]?\d+$/.test(key)) throw cannotApply(`value was not a proper array index: '${key}'`);
  const index = Number(key);
  if (index >= length || index < -length) throw cannotApply(`Unable to access invalid index: ${key}`);
  return index < 0 ? index + length : index;
}

function unescape(part: string): string {
  return part.replace(/~[01]/g, (escape) => (escape === '~1' ? '/' : '~'));
}
