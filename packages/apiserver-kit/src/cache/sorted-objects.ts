/** Chunks are split when they are longer. */
const chunkLimit = 512;

/** Objects ordered by key (UTF-16 code units), in chunks: a change moves what is in one of them. */
export class SortedObjects<T extends {readonly key: string}> {
  /** None is empty. */
  #chunks: T[][] = [];
  #size = 0;

  /** @param sorted by key, each key once */
  static of<T extends {readonly key: string}>(sorted: readonly T[]): SortedObjects<T> {
    const objects = new SortedObjects<T>();
    for (let start = 0; start < sorted.length; start += chunkLimit / 2)
      objects.#chunks.push(sorted.slice(start, start + chunkLimit / 2));
    objects.#size = sorted.length;
    return objects;
  }

  get size(): number {
    return this.#size;
  }

  get(key: string): T | undefined {
    const chunk = this.#chunks[this.#chunkOf(key)];
    if (chunk === undefined) return undefined;
    const found = chunk[lowerBound(chunk, key)];
    return found?.key === key ? found : undefined;
  }

  /** Adds an object, or puts it in the place of the one with its key. */
  set(object: T): void {
    const index = this.#chunkOf(object.key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) {
      this.#chunks.push([object]);
      this.#size += 1;
      return;
    }
    const at = lowerBound(chunk, object.key);
    if (chunk[at]?.key === object.key) {
      chunk[at] = object;
      return;
    }
    chunk.splice(at, 0, object);
    this.#size += 1;
    if (chunk.length > chunkLimit) {
      // Names are often given in order: then the full chunk stays full, and the next one begins with the new object.
      const middle = at === chunkLimit ? chunkLimit : chunkLimit / 2;
      this.#chunks.splice(index, 1, chunk.slice(0, middle), chunk.slice(middle));
    }
  }

  delete(key: string): boolean {
    const index = this.#chunkOf(key);
    const chunk = this.#chunks[index];
    if (chunk === undefined) return false;
    const at = lowerBound(chunk, key);
    if (chunk[at]?.key !== key) return false;
    chunk.splice(at, 1);
    this.#size -= 1;
    if (chunk.length === 0) this.#chunks.splice(index, 1);
    return true;
  }

  /** Objects whose key is `key` or greater, in order. It must not be changed meanwhile. */
  *from(key: string): Generator<T, void, undefined> {
    const first = this.#chunkOf(key);
    for (let index = first; index < this.#chunks.length; index += 1) {
      const chunk = this.#chunks[index]!;
      for (let at = index === first ? lowerBound(chunk, key) : 0; at < chunk.length; at += 1) yield chunk[at]!;
    }
  }

  /** How many have a key less than this one. */
  rank(key: string): number {
    const index = this.#chunkOf(key);
    let before = 0;
    for (let each = 0; each < index; each += 1) before += this.#chunks[each]!.length;
    const chunk = this.#chunks[index];
    return chunk === undefined ? before : before + lowerBound(chunk, key);
  }

  /** Index of the chunk where a key is or would be; 0 where there are none. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#chunks[middle]![0]!.key <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** Index of the first object whose key is not less. */
function lowerBound(chunk: readonly {readonly key: string}[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk[middle]!.key < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
