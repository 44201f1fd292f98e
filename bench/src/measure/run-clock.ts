import {isTerminal, type Run, type RunSpec, type RunStatus} from '@kruntimes/api-types';
import {type KindClient, Watcher} from '@kruntimes/reconciler-kit';

/** One Run, on the monotonic clock of this process, in milliseconds. */
export interface RunTimes {
  /** When it was to be created; differs from `sentMs` where there is a schedule. */
  intendedMs: number;
  sentMs: number;
  /** When the API server had answered. */
  createdMs?: number;
  /** When the watch told that it is bound, that it runs (few Runs do long enough to say so), that it is over. */
  boundMs?: number;
  runningMs?: number;
  terminalMs?: number;
  /** `status.startTime`, by the clock of its Pod. */
  startedMs?: number;
  succeeded?: boolean;
  attempt?: number;
}

interface Waiting {
  times: RunTimes;
  resolve: (times: RunTimes) => void;
}

/** What went wrong with Runs that the clock has seen. */
export interface ClockFaults {
  /** Status changed after it was terminal. */
  changedAfterEnd: number;
  /** Bound more than once. */
  boundAgain: number;
  /** Ended otherwise than Succeeded. */
  unsuccessful: number;
  /** The API server did not take the create. */
  refused: number;
}

/** `2026-01-01T00:00:00.123456Z`, with microseconds. */
function epochMs(microTime: string): number {
  const micros = /\.\d{3}(\d{3})Z$/.exec(microTime)?.[1] ?? '0';
  return Date.parse(microTime) + Number(micros) / 1000;
}

/** Clocks may share a namespace. */
let names = 0;

/** What may not change in a Run that is over. */
function verdict(status: RunStatus | undefined): string {
  return `${status?.phase} ${status?.attempt} ${status?.completionTime}`;
}

/**
 * Creates Runs and takes the time of what a watch tells of them. One watch for all of them, nothing is asked again: what is
 * measured is when a client that watches knows.
 */
export class RunClock {
  readonly faults: ClockFaults = {changedAfterEnd: 0, boundAgain: 0, unsuccessful: 0, refused: 0};
  readonly namespace: string;
  readonly #client: KindClient<Run>;
  readonly #runtime: string;
  readonly #waiting = new Map<string, Waiting>();
  /** {@link verdict} of those that are over. */
  readonly #over = new Map<string, string>();
  readonly #stop = new AbortController();
  #watching: Promise<void> = Promise.resolve();

  constructor(client: KindClient<Run>, {namespace, runtime}: {namespace: string; runtime: string}) {
    this.#client = client;
    this.namespace = namespace;
    this.#runtime = runtime;
  }

  /** Resolves when the watch is open. */
  async start(): Promise<void> {
    const opened = Promise.withResolvers<void>();
    const watcher = new Watcher(this.#client, {namespace: this.namespace, labelSelector: 'app=kruntimes-bench'});
    this.#watching = watcher.run(
      {
        replace: (runs) => {
          for (const run of runs) this.#seen(run);
          opened.resolve();
        },
        event: (type, run) => {
          if (type !== 'DELETED') this.#seen(run);
        },
      },
      this.#stop.signal,
    );
    this.#watching.catch(opened.reject);
    await opened.promise;
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#watching.catch(() => {});
  }

  /** Runs that are not over yet. */
  get pending(): number {
    return this.#waiting.size;
  }

  /** Creates a Run; resolves when the watch has told that it is over. @throws what the API server said to the create. */
  async run(spec: Partial<RunSpec>, intendedMs = performance.now()): Promise<RunTimes> {
    const {promise, created} = this.launch(spec, intendedMs);
    await created;
    return await promise;
  }

  launch(spec: Partial<RunSpec>, intendedMs = performance.now()): {promise: Promise<RunTimes>; created: Promise<void>} {
    const name = `b-${process.pid.toString(36)}-${(++names).toString(36)}`;
    const {promise, resolve} = Promise.withResolvers<RunTimes>();
    const times: RunTimes = {intendedMs, sentMs: performance.now()};
    this.#waiting.set(name, {times, resolve});
    const created = this.#client
      .create({
        metadata: {name, namespace: this.namespace, labels: {app: 'kruntimes-bench'}},
        spec: {runtime: this.#runtime, ...spec},
      })
      .then(
        () => void (times.createdMs = performance.now()),
        (error: unknown) => {
          this.#waiting.delete(name);
          this.faults.refused++;
          throw error;
        },
      );
    return {promise, created};
  }

  /** Gives up on Runs that are not over; returns how many. */
  abandon(): number {
    const count = this.#waiting.size;
    this.#waiting.clear();
    return count;
  }

  #seen(run: Run): void {
    const now = performance.now();
    const name = run.metadata?.name ?? '';
    const {status} = run;
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) {
      const known = this.#over.get(name);
      if (known !== undefined && known !== verdict(status)) this.faults.changedAfterEnd++;
      return;
    }
    const {times} = waiting;
    const {phase} = status ?? {};
    if (phase === 'Pending' || status === undefined) return;
    times.boundMs ??= now;
    if (phase === 'Running') times.runningMs ??= now;
    if (!isTerminal(phase)) return;
    times.terminalMs = now;
    if (status.startTime !== undefined) times.startedMs = epochMs(status.startTime) - performance.timeOrigin;
    times.succeeded = phase === 'Succeeded';
    times.attempt = status.attempt ?? 0;
    if (times.attempt > 1) this.faults.boundAgain++;
    if (!times.succeeded) this.faults.unsuccessful++;
    this.#waiting.delete(name);
    this.#over.set(name, verdict(status));
    waiting.resolve(times);
  }
}
