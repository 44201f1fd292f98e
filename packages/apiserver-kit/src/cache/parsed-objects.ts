import type {KubeObject} from '../kube-object.ts';

/** One that can be parsed again when it is needed again. */
export interface Reparsable {
  parsed: KubeObject | undefined;
  /** Generation in which it was used last. */
  generation: number;
  /** Length of its text: what its parsed form takes is about four times that. */
  readonly size: number;
}

/**
 * Bounds how many objects of a cache are held in parsed form, which takes about four times the memory of their JSON text. Those in use
 * stay, those not used for two generations are parsed again when somebody asks.
 */
export class ParsedObjects {
  readonly #generationSize: number;
  #old: Reparsable[] = [];
  #young: Reparsable[] = [];
  #youngSize = 0;
  #generation = 1;
  #scanning = false;

  /** @param size sum of the texts' lengths */
  constructor(size: number) {
    this.#generationSize = size / 2;
  }

  /** To be called with each use. */
  touch(object: Reparsable): void {
    if (object.generation === this.#generation || this.#scanning) return;
    object.generation = this.#generation;
    this.#young.push(object);
    this.#youngSize += object.size;
    if (this.#youngSize > this.#generationSize) this.#age();
  }

  /** Whether an object that is parsed now should keep the result. */
  get keeps(): boolean {
    return !this.#scanning;
  }

  /** Carries out what looks at all objects once: nothing of it is kept, and nothing kept is driven out. */
  scan<T>(work: () => T): T {
    if (this.#scanning) return work();
    this.#scanning = true;
    try {
      return work();
    } finally {
      this.#scanning = false;
    }
  }

  #age(): void {
    for (const object of this.#old) if (object.generation < this.#generation) object.parsed = undefined;
    this.#old = this.#young;
    this.#young = [];
    this.#youngSize = 0;
    this.#generation += 1;
  }
}
