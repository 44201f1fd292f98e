import type {Run} from '@kruntimes/api-types';
import {type Clock, isApiError, isGone, type KindClient, ReconcilerKitError} from '@kruntimes/reconciler-kit';
import {KrtError} from './krt-error.ts';

export interface RunObserverOptions {
  runs: Pick<KindClient<Run>, 'list' | 'openWatch'>;
  namespace: string;
  /** Runs as just created: the watch goes on from there without a list. */
  created?: readonly Run[];
  /** Names to look for; all of the namespace's Runs that match the selector when left out. */
  names?: readonly string[];
  labelSelector?: string | undefined;
  clock: Clock;
  random: () => number;
  /** Called with each state of each Run, in order. */
  onChange?: (run: Run) => void;
  /** Called when the connection is lost and again (undefined) when it is back. */
  onTrouble?: (problem: string | undefined) => void;
}

interface Waiter {
  name: string;
  predicate: (run: Run) => boolean;
  resolve: (run: Run) => void;
  reject: (error: unknown) => void;
}

const firstDelayMs = 200;
const longestDelayMs = 10_000;
/** An API server that has just been restarted may refuse for a moment what it allowed before. */
const toleratedRefusals = 6;

/** Follows Runs of one namespace by a watch that resumes where it broke off; nothing is polled. */
export class RunObserver {
  readonly #options: RunObserverOptions;
  readonly #latest = new Map<string, Run>();
  readonly #deleted = new Map<string, Run | undefined>();
  #waiters: Waiter[] = [];
  #failure: {error: unknown} | undefined;
  #listed = false;

  constructor(options: RunObserverOptions) {
    this.#options = options;
    for (const run of options.created ?? []) this.#latest.set(run.metadata?.name ?? '', run);
  }

  /** Every Run seen and not deleted since. */
  get runs(): Run[] {
    return [...this.#latest.values()];
  }

  latest(name: string): Run | undefined {
    return this.#latest.get(name);
  }

  /**
   * Resolves with the first state of the Run for which `predicate` holds: at once if it holds already.
   * @throws KrtError `RUN_DELETED` when the Run goes away first; ApiError when the cluster refuses
   */
  until(name: string, predicate: (run: Run) => boolean): Promise<Run> {
    const known = this.#latest.get(name);
    if (known && predicate(known)) return Promise.resolve(known);
    if (this.#failure) return Promise.reject(this.#failure.error);
    if (this.#deleted.has(name)) return Promise.reject(this.#deletedError(name));
    return new Promise((resolve, reject) => {
      this.#waiters.push({name, predicate, resolve, reject});
    });
  }

  /** Resolves when the Run does not exist any more. */
  async gone(name: string): Promise<void> {
    try {
      await this.until(name, () => false);
    } catch (error) {
      if (error instanceof KrtError && (error.code === 'RUN_DELETED' || error.code === 'NOT_FOUND')) return;
      throw error;
    }
  }

  /** Reads the present state of all Runs. Needed before `start` unless they were given as `created`. */
  async load(signal?: AbortSignal): Promise<string> {
    const {runs, namespace, labelSelector} = this.#options;
    const list = await runs.list({
      namespace,
      labelSelector,
      fieldSelector: this.#fieldSelector(),
      ...(signal ? {signal} : {}),
    });
    const before = new Set(this.#latest.keys());
    for (const run of list.items) {
      const name = run.metadata?.name ?? '';
      if (!this.#isWanted(name)) continue;
      before.delete(name);
      this.#update(run);
    }
    for (const name of before) this.#remove(name);
    this.#listed = true;
    return list.metadata.resourceVersion ?? '';
  }

  /** Watches until `signal` is aborted; then (or on an error that trying again does not cure) all waiters are rejected. */
  async start(signal: AbortSignal, resourceVersion?: string): Promise<void> {
    try {
      await this.#watch(signal, resourceVersion ?? this.#createdVersion());
    } catch (error) {
      this.#fail(signal.aborted ? signal.reason : error);
    }
  }

  async #watch(signal: AbortSignal, from: string | undefined): Promise<void> {
    const {clock, random, runs, namespace, labelSelector, onTrouble} = this.#options;
    let resourceVersion = from;
    let failures = 0;
    let refusals = 0;
    let connected = false;
    while (!signal.aborted) {
      const startedMs = clock.monotonic();
      let events = 0;
      try {
        resourceVersion ??= await this.load(signal);
        const watch = await runs.openWatch({
          namespace,
          labelSelector,
          fieldSelector: this.#fieldSelector(),
          resourceVersion,
          allowWatchBookmarks: true,
          timeoutSeconds: 240 + Math.floor(random() * 60),
          signal,
        });
        if (failures > 0) onTrouble?.(undefined);
        connected = true;
        for await (const batch of watch.batches) {
          for (const {type, object} of batch as {type: string; object: Run}[]) {
            events++;
            failures = 0;
            refusals = 0;
            resourceVersion = object.metadata?.resourceVersion ?? resourceVersion;
            const name = object.metadata?.name ?? '';
            if (type === 'BOOKMARK' || !this.#isWanted(name)) continue;
            if (type === 'DELETED') this.#remove(name, object);
            else this.#update(object);
          }
        }
        // A watch that ends after a while is normal; one that ends at once again and again must not become a storm.
        if (events > 0 || clock.monotonic() - startedMs > 1000) continue;
        failures++;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (isGone(error)) {
          resourceVersion = undefined;
        } else if (!isTransient(error) && !(connected && isRefusal(error) && refusals++ < toleratedRefusals)) {
          throw error;
        } else {
          onTrouble?.(error instanceof Error ? error.message : String(error));
        }
        failures++;
      }
      const delayMs = Math.min(longestDelayMs, firstDelayMs * 2 ** (failures - 1));
      await clock.sleep(delayMs * (0.5 + random() / 2), signal);
    }
    throw signal.reason;
  }

  /** The oldest of the created Runs: from there on everything is news. */
  #createdVersion(): string | undefined {
    const versions = (this.#options.created ?? []).map((run) => run.metadata?.resourceVersion ?? '');
    return versions.toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1))[0] || undefined;
  }

  #fieldSelector(): string | undefined {
    const names = this.#options.names ?? this.#options.created?.map((run) => run.metadata?.name ?? '');
    return names?.length === 1 ? `metadata.name=${names[0]}` : undefined;
  }

  #isWanted(name: string): boolean {
    return this.#options.names?.includes(name) ?? (!this.#options.created || this.#latest.has(name));
  }

  #update(run: Run): void {
    const name = run.metadata?.name ?? '';
    const known = this.#latest.get(name);
    // The same name, another object: what was waited for is gone.
    if (known?.metadata?.uid && known.metadata.uid !== run.metadata?.uid) {
      this.#remove(name, known);
      return;
    }
    if (known?.metadata?.resourceVersion === run.metadata?.resourceVersion) return;
    if (this.#deleted.has(name)) return;
    this.#latest.set(name, run);
    this.#options.onChange?.(run);
    for (const waiter of this.#waiters.filter((each) => each.name === name && each.predicate(run))) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve(run);
    }
  }

  #remove(name: string, lastKnown?: Run): void {
    const last = lastKnown ?? this.#latest.get(name);
    this.#latest.delete(name);
    this.#deleted.set(name, last);
    const rejected = this.#waiters.filter((each) => each.name === name);
    this.#waiters = this.#waiters.filter((each) => each.name !== name);
    for (const waiter of rejected) waiter.reject(this.#deletedError(name));
  }

  #fail(error: unknown): void {
    this.#failure = {error};
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }

  #deletedError(name: string): KrtError {
    return new KrtError('RUN_DELETED', `Run "${name}" was deleted`);
  }

  /** Whether the first read of the Runs is done (by `load` or by the watch). */
  get loaded(): boolean {
    return this.#listed;
  }
}

function isRefusal(error: unknown): boolean {
  return isApiError(error) && (error.status === 401 || error.status === 403);
}

function isTransient(error: unknown): boolean {
  if (isApiError(error) || error instanceof ReconcilerKitError) return error.retryable;
  return false;
}
