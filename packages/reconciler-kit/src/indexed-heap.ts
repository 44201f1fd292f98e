/**
 * A binary heap that also finds its members: `delete` and `reorder` cost O(log n) like `push` and `pop`. The least member by
 * `compare` is at the top. A member may be in several heaps.
 */
export class IndexedHeap<T> {
  readonly #compare: (a: T, b: T) => number;
  readonly #items: T[] = [];
  readonly #positions = new Map<T, number>();

  /** @param compare negative when `a` has to leave earlier than `b`; 0 when that is all the same */
  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#items.length;
  }

  has(item: T): boolean {
    return this.#positions.has(item);
  }

  /** The least member, which stays. */
  peek(): T | undefined {
    return this.#items[0];
  }

  /** Every member, in no order. */
  values(): IterableIterator<T> {
    return this.#items.values();
  }

  /** Adds a member; one that is already there is put where it belongs now. */
  push(item: T): void {
    if (this.#positions.has(item)) {
      this.reorder(item);
      return;
    }
    this.#items.push(item);
    this.#positions.set(item, this.#items.length - 1);
    this.#up(this.#items.length - 1);
  }

  /** Takes the least member out. */
  pop(): T | undefined {
    const top = this.#items[0];
    if (top !== undefined) this.delete(top);
    return top;
  }

  /** @returns whether it was there */
  delete(item: T): boolean {
    const position = this.#positions.get(item);
    if (position === undefined) return false;
    this.#positions.delete(item);
    const last = this.#items.pop() as T;
    if (position < this.#items.length) {
      this.#put(last, position);
      this.#settle(position);
    }
    return true;
  }

  clear(): void {
    this.#items.length = 0;
    this.#positions.clear();
  }

  /** To be called after a change of what `compare` reads of a member. */
  reorder(item: T): void {
    const position = this.#positions.get(item);
    if (position !== undefined) this.#settle(position);
  }

  #settle(position: number): void {
    this.#down(this.#up(position));
  }

  #put(item: T, position: number): void {
    this.#items[position] = item;
    this.#positions.set(item, position);
  }

  #up(from: number): number {
    const item = this.#items[from] as T;
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      const above = this.#items[parent] as T;
      if (this.#compare(item, above) >= 0) break;
      this.#put(above, position);
      position = parent;
    }
    if (position !== from) this.#put(item, position);
    return position;
  }

  #down(from: number): void {
    const item = this.#items[from] as T;
    const size = this.#items.length;
    let position = from;
    for (let child = 2 * position + 1; child < size; child = 2 * position + 1) {
      const right = child + 1;
      if (right < size && this.#compare(this.#items[right] as T, this.#items[child] as T) < 0) child = right;
      const below = this.#items[child] as T;
      if (this.#compare(below, item) >= 0) break;
      this.#put(below, position);
      position = child;
    }
    if (position !== from) this.#put(item, position);
  }
}
