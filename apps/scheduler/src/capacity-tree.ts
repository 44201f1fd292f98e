import {type Resources, unitsOf} from './resources.ts';

/** The resource that every Pod offers and that decides which of several Pods is preferred. */
const LEADING = 'runs';

/**
 * A tournament tree over the free resources of Pods: each node knows, per resource, the most that is free in one Pod below it.
 *
 * `set` costs O(log n). `find` costs O(log n) for requests of one resource and prefers the Pod with the most free `runs`.
 * Requests of several resources skip each subtree that lacks one of them; where resources are free but never in the same Pod,
 * that may visit all n leaves.
 */
export class CapacityTree<T> {
  #leaves = 1;
  readonly #free = new Map<string, Float64Array>([[LEADING, new Float64Array(2).fill(-1)]]);
  readonly #items: (T | undefined)[] = [undefined];
  readonly #vacant: number[] = [0];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Takes a slot for the item. `free` undefined: the item is there and never found. */
  add(item: T, free: Resources | undefined): number {
    if (this.#vacant.length === 0) this.#grow();
    const slot = this.#vacant.pop() as number;
    this.#items[slot] = item;
    this.#size++;
    this.set(slot, free);
    return slot;
  }

  remove(slot: number): void {
    if (this.#items[slot] === undefined) return;
    this.set(slot, undefined);
    this.#items[slot] = undefined;
    this.#vacant.push(slot);
    this.#size--;
  }

  set(slot: number, free: Resources | undefined): void {
    if (free !== undefined) {
      for (const name of Object.keys(free)) {
        if (!this.#free.has(name)) this.#free.set(name, new Float64Array(2 * this.#leaves).fill(-1));
      }
    }
    for (const [name, values] of this.#free) {
      let node = slot + this.#leaves;
      values[node] = free === undefined ? -1 : unitsOf(free, name);
      for (node >>= 1; node >= 1; node >>= 1) {
        const most = Math.max(values[2 * node] as number, values[2 * node + 1] as number);
        if (values[node] === most) break;
        values[node] = most;
      }
    }
  }

  /** An item that has all of `requests` free, or undefined when there is none. */
  find(requests: Resources): T | undefined {
    const wanted: [Float64Array, number][] = [];
    for (const [name, amount] of Object.entries(requests)) {
      if (amount <= 0) continue;
      const values = this.#free.get(name);
      if (values === undefined) return undefined;
      wanted.push([values, amount]);
    }
    const leading = this.#free.get(LEADING) as Float64Array;
    const slot = this.#descend(1, wanted, leading);
    return slot === undefined ? undefined : this.#items[slot];
  }

  #descend(node: number, wanted: readonly [Float64Array, number][], leading: Float64Array): number | undefined {
    // Below zero: every leaf of this subtree is empty or masked.
    if ((leading[node] as number) < 0) return undefined;
    for (const [values, amount] of wanted) if ((values[node] as number) < amount) return undefined;
    if (node >= this.#leaves) return node - this.#leaves;
    const left = 2 * node;
    const first = (leading[left] as number) >= (leading[left + 1] as number) ? left : left + 1;
    return this.#descend(first, wanted, leading) ?? this.#descend(first ^ 1, wanted, leading);
  }

  #grow(): void {
    const leaves = this.#leaves;
    for (const [name, values] of this.#free) {
      const grown = new Float64Array(4 * leaves).fill(-1);
      grown.set(values.subarray(leaves, 2 * leaves), 2 * leaves);
      for (let node = 2 * leaves - 1; node >= 1; node--) {
        grown[node] = Math.max(grown[2 * node] as number, grown[2 * node + 1] as number);
      }
      this.#free.set(name, grown);
    }
    this.#leaves = 2 * leaves;
    for (let slot = this.#leaves - 1; slot >= leaves; slot--) {
      this.#items[slot] = undefined;
      this.#vacant.push(slot);
    }
  }
}
