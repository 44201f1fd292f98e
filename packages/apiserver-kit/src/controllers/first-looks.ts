/** The looks at what is stored that a controller must have had before it decides anything: one for each store that opens. */
export class FirstLooks {
  readonly #tell: (error: unknown, what: string) => void;
  #closed = false;
  #all: Promise<void> = Promise.resolve();

  /** @param tell of looks that failed, unless they were ended */
  constructor(tell: (error: unknown, what: string) => void) {
    this.#tell = tell;
  }

  /** Resolves when all that have begun are over. */
  get over(): Promise<void> {
    return this.#all;
  }

  add(what: string, look: Promise<void>): void {
    const before = this.#all;
    const looked = look.catch((error: unknown) => {
      if (!this.#closed) this.#tell(error, what);
    });
    this.#all = before.then(() => looked);
  }

  /** What fails from now on was ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#all;
  }
}
