/**
 * Whether so many Leases seem expired that the likelier explanation is the observer's own: it, or the API server, was away.
 *
 * @param expired Leases whose renewal has not been seen for longer than they last
 * @param total all Leases that are watched
 */
export function observerSeemsAtFault(expired: number, total: number): boolean {
  return expired >= 3 && expired * 3 > total;
}

/**
 * Decides when expired Leases may be acted upon. Once they seem to be the observer's fault, nothing is done until the API server has
 * answered without a break for a full Lease period: whoever is alive has renewed by then, and what is still expired is so.
 *
 * `trusting` → `doubting` when the observer seems at fault; `doubting` → `trusting` or, with the Leases still expired, `confirmed` after that
 * period; `confirmed` → `trusting` when enough of them have come back.
 */
export class ObserverTrust {
  readonly #leasePeriodMs: number;
  #state: 'trusting' | 'doubting' | 'confirmed' = 'trusting';
  /** Since when every read of all Leases has succeeded; monotonic ms. */
  #answeredSinceMs: number | undefined;

  constructor(leasePeriodMs: number) {
    this.#leasePeriodMs = leasePeriodMs;
  }

  /** Whether what looks expired may be taken for expired. */
  get trusts(): boolean {
    return this.#state !== 'doubting';
  }

  /** To be told whenever the numbers of Leases have changed. */
  counted(expired: number, total: number): void {
    const atFault = observerSeemsAtFault(expired, total);
    if (this.#state === 'trusting' && atFault) {
      this.#state = 'doubting';
      this.#answeredSinceMs = undefined;
    } else if (this.#state === 'confirmed' && !atFault) {
      this.#state = 'trusting';
    }
  }

  /** The API server has answered a read of all Leases, and the numbers are from that answer. */
  answered(expired: number, total: number, nowMs: number): void {
    if (this.#state !== 'doubting') return;
    this.#answeredSinceMs ??= nowMs;
    if (nowMs - this.#answeredSinceMs < this.#leasePeriodMs) return;
    this.#state = observerSeemsAtFault(expired, total) ? 'confirmed' : 'trusting';
  }

  /** It has not. */
  unanswered(): void {
    this.#answeredSinceMs = undefined;
  }
}
