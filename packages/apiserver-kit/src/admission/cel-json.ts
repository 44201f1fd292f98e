import {type CelMap, type CelValue} from '../cel/index.ts';
import type {JsonObject, JsonValue} from '../json/json-value.ts';

/** A JSON object as a map of CEL. What is in it is converted when it is read: expressions read little of an object. */
class JsonMap implements CelMap {
  readonly #object: JsonObject;
  readonly #values = new Map<string, CelValue>();
  #keys: readonly string[] | undefined;

  constructor(object: JsonObject) {
    this.#object = object;
  }

  get size(): number {
    return this.#names().length;
  }

  get(key: CelValue): CelValue | undefined {
    if (typeof key !== 'string') return undefined;
    const known = this.#values.get(key);
    if (known !== undefined) return known;
    const json = Object.hasOwn(this.#object, key) ? this.#object[key] : undefined;
    if (json === undefined) return undefined;
    const value = celJson(json);
    this.#values.set(key, value);
    return value;
  }

  keys(): Iterable<CelValue> {
    return this.#names();
  }

  #names(): readonly string[] {
    this.#keys ??= Object.keys(this.#object).filter((key) => this.#object[key] !== undefined);
    return this.#keys;
  }
}

/** JSON as a value of CEL: whole numbers are int, others double. The object must not change afterwards. */
export function celJson(json: JsonValue): CelValue {
  if (typeof json === 'number') return Number.isSafeInteger(json) ? BigInt(json) : json;
  if (typeof json !== 'object' || json === null) return json;
  return Array.isArray(json) ? json.map(celJson) : new JsonMap(json);
}
