import {type DeepReadonly, type DisruptionReason, fenceOf, type Run, workspaceName} from '@kruntimes/api-types';
import type {CacheHandler, Logger} from '@kruntimes/reconciler-kit';
import {Attempt, type AttemptOrigin} from './attempt.ts';
import type {RunExecutor} from './run-executor.ts';

export interface RunRegistryOptions {
  podUID: string;
  executor: Pick<RunExecutor, 'execute'>;
  /** Keys of the attempts that earlier processes began. */
  begun: ReadonlySet<string>;
  logger: Logger;
  /** Aborted when this process must end; see {@link RunExecutor.execute}. */
  signal: AbortSignal;
}

interface Entry {
  readonly attempt: Attempt;
  /** Resolves when nothing is left of the attempt. */
  readonly finished: Promise<void>;
}

/** The attempts of this Pod: turns what the watch tells into attempts, and tells attempts what becomes of their Runs. */
export class RunRegistry implements CacheHandler<Run> {
  readonly #options: RunRegistryOptions;
  /** By UID of the Run; a Run has one attempt at a time. */
  readonly #entries = new Map<string, Entry>();
  /** UIDs of the Runs that the watch has and has not taken back yet. */
  readonly #watched = new Set<string>();
  /** Of those, the ones whose attempt is over: the watch may lag behind, and still tell of it as if it were not. */
  readonly #over = new Map<string, number>();
  #refusal: {reason: DisruptionReason; message: string; evenIfBegun: boolean} | undefined;

  constructor(options: RunRegistryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Whether an attempt of this key is under way. */
  has(key: string): boolean {
    return [...this.#entries.values()].some(({attempt}) => attempt.key === key);
  }

  add(run: DeepReadonly<Run>, {initial}: {initial: boolean}): void {
    this.#observe(run, initial);
  }

  update(_previous: DeepReadonly<Run>, run: DeepReadonly<Run>): void {
    this.#observe(run, false);
  }

  /** The Run is deleted, has ended or is bound elsewhere: the watch does not tell which, and it is all the same here. */
  delete(run: DeepReadonly<Run>): void {
    const uid = run.metadata?.uid ?? '';
    this.#watched.delete(uid);
    this.#over.delete(uid);
    this.#entries.get(uid)?.attempt.stop({kind: 'abandoned'});
  }

  /** Gives back the Runs that are not begun, and those that are still to come. */
  refuseNew(reason: DisruptionReason, message: string): void {
    this.#refusal ??= {reason, message, evenIfBegun: false};
    for (const {attempt} of this.#entries.values()) this.#refuse(attempt);
  }

  /** Gives back all Runs that have not ended, and those that are still to come. */
  refuse(reason: DisruptionReason, message: string): void {
    this.#refusal = {reason, message, evenIfBegun: true};
    for (const {attempt} of this.#entries.values()) this.#refuse(attempt);
  }

  /** Ends all attempts, as lost for `reason`. */
  endAll(reason: DisruptionReason, message: string): void {
    for (const {attempt} of this.#entries.values()) attempt.stop({kind: 'lost', reason, message});
  }

  /** Resolves when no attempt is left. */
  async finished(): Promise<void> {
    while (this.#entries.size > 0) await Promise.all([...this.#entries.values()].map(({finished}) => finished));
  }

  #observe(run: DeepReadonly<Run>, initial: boolean): void {
    const fence = fenceOf(run);
    const uid = run.metadata?.uid ?? '';
    const entry = this.#entries.get(uid);
    this.#watched.add(uid);
    entry?.attempt.observe(run);
    // A Pod of the same name that is gone had these.
    if (fence === undefined || fence.podUID !== this.#options.podUID) return;
    if (entry?.attempt.fence.attempt === fence.attempt) return;
    if (fence.attempt <= (this.#over.get(uid) ?? 0)) return;
    const attempt = new Attempt(run, fence, this.#originOf(run, workspaceName(uid, fence.attempt), initial));
    this.#options.logger.debug('run bound', {namespace: attempt.namespace, run: attempt.name, attempt: fence.attempt});
    this.#refuse(attempt);
    this.#entries.set(uid, {attempt, finished: this.#execute(attempt, entry)});
  }

  #refuse(attempt: Attempt): void {
    if (this.#refusal === undefined) return;
    const {reason, message, evenIfBegun} = this.#refusal;
    if (evenIfBegun || !attempt.hasBegun) attempt.stop({kind: 'lost', reason, message});
  }

  /** Executes an attempt when its predecessor, bound to this Pod too, has left nothing behind. */
  async #execute(attempt: Attempt, predecessor: Entry | undefined): Promise<void> {
    await predecessor?.finished;
    await this.#options.executor.execute(attempt, this.#options.signal);
    const {uid} = attempt.fence;
    if (this.#entries.get(uid)?.attempt !== attempt) return;
    this.#entries.delete(uid);
    if (this.#watched.has(uid)) this.#over.set(uid, attempt.fence.attempt);
  }

  #originOf(run: DeepReadonly<Run>, key: string, initial: boolean): AttemptOrigin {
    if (this.#options.begun.has(key) || (initial && run.status?.phase === 'Running')) return 'begun';
    return initial ? 'found' : 'bound';
  }
}
