import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, watch} from 'node:fs';
import {join} from 'node:path';

/** What one attempt of one Run left in the ledger. Every entry is one start. */
export interface LedgerEntry {
  uid: string | undefined;
  attempt: number;
  ends: number;
}

/** One execution of a program. Times are seconds of the machine's monotonic clock. */
export interface LedgerExecution {
  uid: string;
  attempt: number;
  startSeconds: number;
  /** Missing when the program was ended before its last line. */
  endSeconds?: number;
}

/**
 * A file to which every program appends a line when it starts and one when it ends: what really ran, whatever any status
 * says. An attempt that starts twice appears twice. While it runs, a program and whatever it starts hold a lock of their
 * Run, which the kernel releases with the last of them: one that finds it taken runs side by side with another.
 */
export class Ledger {
  readonly #directory: string;
  readonly #path: string;
  readonly #locks: string;
  /** Where programs see {@link #directory}. */
  readonly #seenAt: string;

  /** @param seenAt where programs find the directory. Default: under the same name */
  constructor(directory: string, seenAt = directory) {
    this.#directory = directory;
    this.#seenAt = seenAt;
    this.#path = join(directory, 'ledger');
    this.#locks = join(directory, 'ledger-locks');
    this.#makeLocks();
  }

  static readonly order = (a: LedgerEntry, b: LedgerEntry): number =>
    (a.uid ?? '').localeCompare(b.uid ?? '') || a.attempt - b.attempt;

  /** A script that does `body` between its two lines, and then `last`. Lines this short are appended whole. */
  script(body: string, last = ''): string {
    const append = (line: string): string => `echo "${line}" >> '${join(this.#seenAt, 'ledger')}'`;
    const line = (word: string): string =>
      `read -r ledger_now _ < /proc/uptime; ${append(`${word} $KRUNTIME_RUN_UID $KRUNTIME_RUN_ATTEMPT $ledger_now`)}`;
    return [
      `exec {ledger_lock}>> "${join(this.#seenAt, 'ledger-locks')}/$KRUNTIME_RUN_UID"`,
      `flock --nonblock "$ledger_lock" || ${append('overlap $KRUNTIME_RUN_UID $KRUNTIME_RUN_ATTEMPT')}`,
      line('start'),
      body,
      line('end'),
      last,
      '',
    ].join('\n');
  }

  /** By UID and attempt. */
  read(): LedgerEntry[] {
    const entries = this.executions().map(({uid, attempt, endSeconds}) => ({
      uid,
      attempt,
      ends: endSeconds === undefined ? 0 : 1,
    }));
    return entries.toSorted(Ledger.order);
  }

  /** In the order of their starts. An end without a start is that of a program which began before {@link clear}. */
  executions(): LedgerExecution[] {
    const executions: LedgerExecution[] = [];
    const open = new Map<string, LedgerExecution[]>();
    for (const [word, uid = '', attempt, seconds] of this.#lines()) {
      const key = `${uid} ${attempt}`;
      const started = open.get(key) ?? [];
      if (word === 'start') {
        const execution = {uid, attempt: Number(attempt), startSeconds: Number(seconds)};
        executions.push(execution);
        open.set(key, [...started, execution]);
      } else if (word === 'end') {
        const ended = started.shift();
        if (ended !== undefined) ended.endSeconds = Number(seconds);
      }
    }
    return executions;
  }

  /** The Runs and attempts of programs that were started while another program of the same Run was running. */
  overlaps(): {uid: string; attempt: number}[] {
    const lines = this.#lines().filter(([word]) => word === 'overlap');
    return lines.map(([, uid = '', attempt]) => ({uid, attempt: Number(attempt)}));
  }

  /** UIDs of the Runs of which a process runs at this moment, whatever has become of its program's first process. */
  running(): string[] {
    // Each line ends with: device and inode, start, end.
    const held = new Set(
      readFileSync('/proc/locks', 'utf8')
        .split('\n')
        .filter((line) => line.includes('FLOCK'))
        .map((line) => Number(/:(\d+) \d+ \S+$/.exec(line)?.[1])),
    );
    return readdirSync(this.#locks).filter((uid) => held.has(statSync(join(this.#locks, uid)).ino));
  }

  /** Resolves when at least so many programs have started. */
  async started(count: number, timeoutMs = 120_000): Promise<void> {
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    const timer = setTimeout(() => reject(new Error(`${count} programs did not start in ${timeoutMs} ms`)), timeoutMs);
    const check = (): void => {
      if (this.#lines().filter(([word]) => word === 'start').length >= count) resolve();
    };
    const watcher = watch(this.#directory, check);
    check();
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      watcher.close();
    }
  }

  /** The lines of one Run, as they were written. */
  linesOf(uid: string): string[] {
    return this.#lines()
      .filter((line) => line[1] === uid)
      .map((line) => line.join(' '));
  }

  clear(): void {
    rmSync(this.#path, {force: true});
    rmSync(this.#locks, {recursive: true, force: true});
    this.#makeLocks();
  }

  /** Programs may be those of another user. */
  #makeLocks(): void {
    mkdirSync(this.#locks, {recursive: true});
    chmodSync(this.#locks, 0o777);
  }

  #lines(): string[][] {
    if (!existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => line.split(' '));
  }
}
