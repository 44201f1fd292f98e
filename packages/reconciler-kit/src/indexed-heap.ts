/** What an {@link IndexedHeap} holds: objects that know their place, so that they can be moved and removed. */
export interface HeapNode {
  /** Place in the heap; -1 outside. Written by the heap only. */
  heapIndex: number;
}

/** A binary heap whose nodes can change their rank or leave in O(log n). A node is in one heap at a time. */
export class IndexedHeap<N extends HeapNode> {
  readonly #before: (a: N, b: N) => boolean;
  readonly #nodes: N[] = [];

  /** `before` is a strict order: true if `a` has to leave the heap earlier than `b`. */
  constructor(before: (a: N, b: N) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#nodes.length;
  }

  peek(): N | undefined {
    return this.#nodes[0];
  }

  push(node: N): void {
    this.#nodes.push(node);
    node.heapIndex = this.#nodes.length - 1;
    this.#up(node);
  }

  pop(): N | undefined {
    const first = this.#nodes[0];
    if (first) this.remove(first);
    return first;
  }

  /** Restores the order after the rank of `node` has changed. */
  update(node: N): void {
    this.#up(node);
    this.#down(node);
  }

  remove(node: N): void {
    const index = node.heapIndex;
    const last = this.#nodes.pop();
    if (last && last !== node) {
      this.#place(last, index);
      this.update(last);
    }
    node.heapIndex = -1;
  }

  clear(): void {
    for (const node of this.#nodes) node.heapIndex = -1;
    this.#nodes.length = 0;
  }

  #up(node: N): void {
    while (node.heapIndex > 0) {
      const parent = this.#nodes[(node.heapIndex - 1) >> 1];
      if (!parent || !this.#before(node, parent)) return;
      this.#swap(node, parent);
    }
  }

  #down(node: N): void {
    for (;;) {
      const left = this.#nodes[2 * node.heapIndex + 1];
      if (!left) return;
      const right = this.#nodes[2 * node.heapIndex + 2];
      const child = right && this.#before(right, left) ? right : left;
      if (!this.#before(child, node)) return;
      this.#swap(child, node);
    }
  }

  #swap(a: N, b: N): void {
    const index = a.heapIndex;
    this.#place(a, b.heapIndex);
    this.#place(b, index);
  }

  #place(node: N, index: number): void {
    this.#nodes[index] = node;
    node.heapIndex = index;
  }
}
