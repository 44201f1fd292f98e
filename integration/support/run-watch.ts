import {isTerminal, type Run, runKind} from '@kruntimes/api-types';
import {Cache, type Client, objectKey} from '@kruntimes/reconciler-kit';

/** One watch on Runs, for all who wait for one of them. */
export class RunWatch {
  readonly #runs: Cache<Run>;
  readonly #waiting = new Set<(run: Run) => void>();
  readonly #stop = new AbortController();
  readonly #watching: Promise<void>;

  private constructor(client: Client, namespace: string | undefined) {
    this.#runs = new Cache(client.kind(runKind), {namespace});
    const notify = (run: unknown): void => {
      for (const check of this.#waiting) check(run as Run);
    };
    this.#runs.subscribe({add: notify, update: (_, run) => notify(run)});
    this.#watching = this.#runs.start(this.#stop.signal);
  }

  /** @param namespace Default: all */
  static async start(client: Client, namespace?: string): Promise<RunWatch> {
    const watch = new RunWatch(client, namespace);
    await watch.#runs.synced();
    return watch;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  async ended(namespace: string, name: string, timeoutMs?: number): Promise<Run> {
    return await this.until(namespace, name, ({status}) => isTerminal(status?.phase), timeoutMs);
  }

  /** Resolves with the first state of the Run for which `holds`. */
  async until(namespace: string, name: string, holds: (run: Run) => boolean, timeoutMs = 30_000): Promise<Run> {
    const key = `${namespace}/${name}`;
    const {promise, resolve, reject} = Promise.withResolvers<Run>();
    const check = (run: Run): void => {
      if (objectKey(run) === key && holds(run)) resolve(run);
    };
    const timer = setTimeout(() => {
      reject(new Error(`${key} did not get there in ${timeoutMs} ms: ${JSON.stringify(this.#runs.get(key)?.status)}`));
    }, timeoutMs);
    this.#waiting.add(check);
    const present = this.#runs.get(key);
    if (present) check(present as Run);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(check);
    }
  }
}
