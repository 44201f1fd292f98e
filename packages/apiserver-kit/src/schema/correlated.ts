import {isJsonObject, type JsonValue, member} from '../json/json-value.ts';
import {isUnchanged, type OldItems, oldItemsOf} from './correlation.ts';
import {fieldOf, type Schema} from './schema.ts';

/** A value beside what it was before. */
export class Correlated {
  readonly #value: JsonValue;
  readonly #old: JsonValue;
  readonly #schema: Schema;
  #items: OldItems | undefined;
  #unchanged: boolean | undefined;

  constructor(value: JsonValue, old: JsonValue, schema: Schema) {
    this.#value = value;
    this.#old = old;
    this.#schema = schema;
  }

  get isUnchanged(): boolean {
    this.#unchanged ??= isUnchanged(this.#value, this.#old, this.#schema);
    return this.#unchanged;
  }

  /** Undefined where the member was not there before, or is none that the schema knows. */
  member(key: string): Correlated | undefined {
    const schema = fieldOf(this.#schema, key);
    if (schema === undefined || !isJsonObject(this.#value) || !isJsonObject(this.#old)) return undefined;
    const value = member(this.#value, key);
    const old = member(this.#old, key);
    return value === undefined || old === undefined ? undefined : new Correlated(value, old, schema);
  }

  /** Undefined where the element was not there before, or can't be told. */
  element(index: number): Correlated | undefined {
    const {items} = this.#schema;
    const value = Array.isArray(this.#value) ? this.#value[index] : undefined;
    if (items === undefined || value === undefined) return undefined;
    this.#items ??= oldItemsOf(this.#schema, this.#old);
    const old = this.#items(value);
    return old && new Correlated(value, old, items);
  }
}

/** Tells whether errors of a place are tolerated, since it, or the nearest place above that can be compared, has not changed. */
export class Ratchet {
  static readonly none = new Ratchet(undefined, undefined);
  readonly #current: Correlated | undefined;
  readonly #parent: Correlated | undefined;

  constructor(current: Correlated | undefined, parent: Correlated | undefined) {
    this.#current = current;
    this.#parent = parent;
  }

  get tolerates(): boolean {
    return (this.#current ?? this.#parent)?.isUnchanged === true;
  }

  member(key: string): Ratchet {
    if (this.#current === undefined) return this;
    // They are converted before anybody sees them: what they were says nothing.
    if (this.#parent === undefined && (key === 'apiVersion' || key === 'kind')) return Ratchet.none;
    return new Ratchet(this.#current.member(key), this.#current);
  }

  element(index: number): Ratchet {
    if (this.#current === undefined) return this;
    return new Ratchet(this.#current.element(index), this.#current);
  }

  /** For further schemas of the same value: only what is above is compared. */
  get above(): Ratchet {
    return new Ratchet(undefined, this.#parent);
  }
}
