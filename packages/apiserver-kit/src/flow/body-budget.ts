/** The part of a {@link BodyBudget} that one request has. */
export interface BodyShare {
  /** Whether there was room for so many more bytes. */
  take(bytes: number): boolean;
  /** Gives everything back. */
  end(): void;
}

/** What each request may have without asking: nobody can keep others from sending ordinary objects. */
const FREE_BYTES = 64 * 1024;

/**
 * How much of all large request bodies together may be in memory: there may be many that come slowly. Nobody gets more than a quarter
 * of it.
 */
export class BodyBudget {
  readonly #bytes: number;
  #taken = 0;
  readonly #takenBy = new Map<string, number>();

  /** @param bytes default: 64 MiB */
  constructor(bytes = 64 * 1024 * 1024) {
    this.#bytes = bytes;
  }

  /** @param user whose request it is */
  share(user: string): BodyShare {
    let received = 0;
    let own = 0;
    return {
      take: (bytes) => {
        received += bytes;
        const more = Math.max(0, received - FREE_BYTES) - own;
        const ofUser = (this.#takenBy.get(user) ?? 0) + more;
        if (more > 0 && (this.#taken + more > this.#bytes || ofUser > this.#bytes / 4)) return false;
        this.#add(user, more);
        own += more;
        return true;
      },
      end: () => {
        this.#add(user, -own);
        own = 0;
      },
    };
  }

  #add(user: string, bytes: number): void {
    this.#taken += bytes;
    const ofUser = (this.#takenBy.get(user) ?? 0) + bytes;
    if (ofUser === 0) this.#takenBy.delete(user);
    else this.#takenBy.set(user, ofUser);
  }
}
