/** One finished Run: some 200 bytes, whatever it said and did. */
export interface FinishedRun {
  readonly name: string;
  readonly namespace: FinishedNamespace;
  /** A number where it is one: that takes less memory. */
  resourceVersion: string | number;
  /** Seconds since the epoch, as are all times here: small integers need no memory of their own. */
  finishedAt: number;
  dueAt: number;
  /** Its place in the heap; -1 outside. */
  place: number;
}

export interface FinishedNamespace {
  readonly name: string;
  readonly runs: Map<string, FinishedRun>;
}

export interface FinishedRunState {
  readonly namespace: string;
  readonly name: string;
  readonly resourceVersion: string;
  readonly finishedAt: number;
  /** When it is to be deleted. */
  readonly dueAt: number;
}

/**
 * Remembers which Runs have ended and when each is to be deleted: the next due in O(log n), the oldest of a namespace when it has too many.
 * Knows nothing of the API server.
 */
export class FinishedRuns {
  readonly #namespaces = new Map<string, FinishedNamespace>();
  /** By dueAt. */
  readonly #heap: FinishedRun[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Adds a Run or changes what is known of it. */
  set(state: FinishedRunState): FinishedRun {
    let namespace = this.#namespaces.get(state.namespace);
    if (namespace === undefined) {
      namespace = {name: state.namespace, runs: new Map()};
      this.#namespaces.set(state.namespace, namespace);
    }
    const {name, finishedAt, dueAt} = state;
    const resourceVersion = compact(state.resourceVersion);
    const known = namespace.runs.get(name);
    if (known !== undefined) {
      known.resourceVersion = resourceVersion;
      known.finishedAt = finishedAt;
      known.dueAt = dueAt;
      this.#settle(known);
      return known;
    }
    const run: FinishedRun = {name, namespace, resourceVersion, finishedAt, dueAt, place: this.#heap.length};
    namespace.runs.set(name, run);
    this.#heap.push(run);
    this.#settle(run);
    return run;
  }

  get(namespace: string, name: string): FinishedRun | undefined {
    return this.#namespaces.get(namespace)?.runs.get(name);
  }

  delete(namespace: string, name: string): void {
    const home = this.#namespaces.get(namespace);
    const run = home?.runs.get(name);
    if (home === undefined || run === undefined) return;
    home.runs.delete(name);
    if (home.runs.size === 0) this.#namespaces.delete(namespace);
    const last = this.#heap.pop();
    if (last !== undefined && last !== run) {
      last.place = run.place;
      this.#heap[last.place] = last;
      this.#settle(last);
    }
    run.place = -1;
  }

  clear(): void {
    this.#namespaces.clear();
    this.#heap.length = 0;
  }

  /** The Run that is due first. */
  next(): FinishedRun | undefined {
    return this.#heap[0];
  }

  /** How many Runs of a namespace have ended and are kept. */
  count(namespace: string): number {
    return this.#namespaces.get(namespace)?.runs.size ?? 0;
  }

  /** The `count` Runs of a namespace that ended first. Looks at all of them. */
  oldest(namespace: string, count: number): FinishedRun[] {
    const runs = [...(this.#namespaces.get(namespace)?.runs.values() ?? [])];
    return runs.toSorted((a, b) => a.finishedAt - b.finishedAt || a.dueAt - b.dueAt).slice(0, count);
  }

  #settle(run: FinishedRun): void {
    const heap = this.#heap;
    let place = run.place;
    for (let parent = (place - 1) >> 1; place > 0; parent = (place - 1) >> 1) {
      const above = heap[parent];
      if (above === undefined || above.dueAt <= run.dueAt) break;
      above.place = place;
      heap[place] = above;
      place = parent;
    }
    for (let child = 2 * place + 1; child < heap.length; child = 2 * place + 1) {
      const left = heap[child];
      const right = heap[child + 1];
      const below = right !== undefined && left !== undefined && right.dueAt < left.dueAt ? right : left;
      if (below === undefined || below === run || below.dueAt >= run.dueAt) break;
      const from = below.place;
      below.place = place;
      heap[place] = below;
      place = from;
    }
    run.place = place;
    heap[place] = run;
  }
}

function compact(text: string): string | number {
  const value = Number(text);
  return Number.isSafeInteger(value) && String(value) === text ? value : text;
}
