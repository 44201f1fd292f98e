/** The state of an object at some revision: its color, and the revision that made it so. */
export interface ModelObject {
  key: string;
  color: string;
  revision: number;
}

export interface ModelSelection {
  prefix: string;
  key: string | undefined;
  color: string | undefined;
}

/** A cache as one would explain it: it remembers the state at each revision, and compares states. */
export class CacheModel {
  /** By revision; nothing is at 0. */
  readonly #states: ReadonlyMap<string, ModelObject>[] = [new Map(), new Map()];

  get revision(): number {
    return this.#states.length - 1;
  }

  get(key: string): ModelObject | undefined {
    return this.#states.at(-1)!.get(key);
  }

  put(key: string, color: string | undefined): void {
    const next = new Map(this.#states.at(-1));
    if (color === undefined) next.delete(key);
    else next.set(key, {key, color, revision: this.revision + 1});
    this.#states.push(next);
  }

  /** What a list of a revision has. */
  list(revision: number, selection: ModelSelection): ModelObject[] {
    return [...this.#states[revision]!.values()]
      .filter((object) => isSelected(object, selection))
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  /** What a watch is sent of the change to a revision, as `cache.fixture` describes it. */
  event(revision: number, selection: ModelSelection): string | undefined {
    const before = this.list(revision - 1, selection);
    const after = this.list(revision, selection);
    const came = after.find((object) => object.revision === revision);
    if (came !== undefined) {
      const type = before.some(({key}) => key === came.key) ? 'MODIFIED' : 'ADDED';
      return `${type} ${came.key} ${came.color} @${revision}`;
    }
    const gone = before.find(({key}) => !after.some((object) => object.key === key));
    return gone && `DELETED ${gone.key} ${gone.color} @${revision}`;
  }
}

function isSelected({key, color}: ModelObject, selection: ModelSelection): boolean {
  if (selection.color !== undefined && color !== selection.color) return false;
  return selection.key === undefined ? key.startsWith(selection.prefix) : key === selection.key;
}
