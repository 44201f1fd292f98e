import {existsSync, readFileSync, rmSync, watch} from 'node:fs';
import {join} from 'node:path';

/** What one attempt of one Run left in the ledger. Every entry is one start. */
export interface LedgerEntry {
  uid: string | undefined;
  attempt: number;
  ends: number;
}

/**
 * A file to which every program writes a line when it starts and one when it ends: what really ran, whatever any status
 * says. An attempt that starts twice appears twice.
 */
export class Ledger {
  readonly #directory: string;
  readonly #path: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#path = join(directory, 'ledger');
  }

  static readonly order = (a: LedgerEntry, b: LedgerEntry): number =>
    (a.uid ?? '').localeCompare(b.uid ?? '') || a.attempt - b.attempt;

  /** A script that does `body` between its two lines. Lines this short are appended whole. */
  script(body: string): string {
    const line = (word: string): string => `echo "${word} $KRUNTIME_RUN_UID $KRUNTIME_RUN_ATTEMPT" >> '${this.#path}'`;
    return `${line('start')}\n${body}\n${line('end')}\n`;
  }

  /** By UID and attempt. */
  read(): LedgerEntry[] {
    const entries: LedgerEntry[] = [];
    for (const [word, uid, number] of this.#lines()) {
      const attempt = Number(number);
      if (word === 'start') entries.push({uid, attempt, ends: 0});
      else {
        const entry = entries.find((candidate) => candidate.uid === uid && candidate.attempt === attempt);
        if (entry) entry.ends++;
      }
    }
    return entries.toSorted(Ledger.order);
  }

  /** Resolves when at least so many programs have started. */
  async started(count: number): Promise<void> {
    const {promise, resolve} = Promise.withResolvers<void>();
    const check = (): void => {
      if (this.#lines().filter(([word]) => word === 'start').length >= count) resolve();
    };
    const watcher = watch(this.#directory, check);
    check();
    try {
      await promise;
    } finally {
      watcher.close();
    }
  }

  clear(): void {
    rmSync(this.#path, {force: true});
  }

  #lines(): string[][] {
    if (!existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => line.split(' '));
  }
}
