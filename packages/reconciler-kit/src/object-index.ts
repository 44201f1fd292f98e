/** Objects by derived values, as one index of a cache. */
export class ObjectIndex<T> {
  readonly #valuesOf: (object: T) => readonly string[];
  readonly #byValue = new Map<string, Map<string, T>>();
  /** Values under which a key was put: the function is not asked again about an object that leaves. */
  readonly #byKey = new Map<string, readonly string[]>();

  constructor(valuesOf: (object: T) => readonly string[]) {
    this.#valuesOf = valuesOf;
  }

  set(key: string, object: T): void {
    const before = this.#byKey.get(key);
    const values = this.#valuesOf(object);
    if (before !== undefined) {
      for (const value of before) if (!values.includes(value)) this.#remove(value, key);
    }
    if (values.length === 0) this.#byKey.delete(key);
    else this.#byKey.set(key, values);
    for (const value of values) {
      let objects = this.#byValue.get(value);
      if (objects === undefined) {
        objects = new Map();
        this.#byValue.set(value, objects);
      }
      objects.set(key, object);
    }
  }

  delete(key: string): void {
    for (const value of this.#byKey.get(key) ?? []) this.#remove(value, key);
    this.#byKey.delete(key);
  }

  get(value: string): T[] {
    const objects = this.#byValue.get(value);
    return objects === undefined ? [] : [...objects.values()];
  }

  #remove(value: string, key: string): void {
    const objects = this.#byValue.get(value);
    objects?.delete(key);
    if (objects?.size === 0) this.#byValue.delete(value);
  }
}
