/** The part of a {@link BodyBudget} that one request has. */
export interface BodyShare {
  /** Whether there was room for so many more bytes. */
  take(bytes: number): boolean;
  /** Gives everything back. */
  end(): void;
}

/** How much of all request bodies together may be in memory: each may be large, and there may be many that come slowly. */
export class BodyBudget {
  readonly #bytes: number;
  #taken = 0;

  /** @param bytes default: 64 MiB */
  constructor(bytes = 64 * 1024 * 1024) {
    this.#bytes = bytes;
  }

  share(): BodyShare {
    let own = 0;
    return {
      take: (bytes) => {
        if (this.#taken + bytes > this.#bytes) return false;
        this.#taken += bytes;
        own += bytes;
        return true;
      },
      end: () => {
        this.#taken -= own;
        own = 0;
      },
    };
  }
}
