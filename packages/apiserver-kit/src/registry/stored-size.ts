import {StatusError} from '../errors/status-error.ts';
import type {JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';

/** What the storage of Kubernetes takes at most, in bytes. */
const STORED_LIMIT = 1_536 * 1024;
/** An object of fewer values is little work: it goes its way, and what else is wrong with it is told first. */
const MANY_VALUES = 20_000;

/** No struct has so many fields: what has is a map, and its keys are kept. */
const MANY_FIELDS = 200;

/** How large an object is, by bounds that hold in any encoding: what is refused here, Kubernetes refuses, too. */
export class StoredSize {
  readonly #isJson: boolean;
  #values = 0;
  #bytes = 0;
  #managedBytes = 0;

  /** @param isJson Kubernetes keeps it as JSON, as it does custom objects; others as protobuf, without the names of fields */
  constructor({metadata, ...rest}: KubeObject, isJson: boolean) {
    this.#isJson = isJson;
    const {managedFields: _, ...others} = metadata;
    this.#add(others);
    this.#add(rest);
  }

  /**
   * Before all the work that there is with an object of very many values.
   *
   * @throws StatusError 500, as Kubernetes answers
   */
  assertManageable(): void {
    if (this.#values > MANY_VALUES) this.assertStorable();
  }

  /** @throws StatusError 500, as Kubernetes answers */
  assertStorable(): void {
    if (this.#bytes > STORED_LIMIT) throw new StatusError(500, '', 'etcdserver: request is too large');
  }

  /** At least so much it is in any encoding. */
  get bytes(): number {
    return this.#bytes + this.#managedBytes;
  }

  /** Whether there is room for managed fields: where there is not, Kubernetes stores the object without them. */
  get isManaged(): boolean {
    return this.#values <= MANY_VALUES || this.#bytes + this.#managedBytes <= STORED_LIMIT;
  }

  #add(value: JsonValue): void {
    this.#values++;
    if (typeof value === 'string') this.#bytes += value.length + 2;
    else if (typeof value !== 'object') this.#bytes += 1;
    // It is known already that it is too large.
    if (typeof value !== 'object' || value === null || this.#bytes > 2 * STORED_LIMIT) return;
    if (Array.isArray(value)) {
      if (this.#isJson) this.#bytes += value.length;
      for (const item of value) this.#add(item);
      return;
    }
    this.#bytes += 2;
    const keys = Object.keys(value);
    const isNamed = this.#isJson || keys.length > MANY_FIELDS;
    for (const key of keys) {
      const inner = value[key];
      if (inner === undefined) continue;
      if (isNamed) this.#bytes += key.length + 4;
      // `"f:key":{},`
      this.#managedBytes += key.length + 8;
      this.#add(inner);
    }
  }
}
