import {
  type Clock,
  type DeepReadonly,
  isNotFound,
  type KindClient,
  type Logger,
  type Timer,
} from '@kruntimes/reconciler-kit';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {describeError} from './errors.ts';
import {aborted} from './execution-control.ts';
import type {PodIdentity} from './pod-identity.ts';
import type {RunRegistry} from './run-registry.ts';

export interface DrainOptions {
  pods: Pick<KindClient<Pod>, 'get'>;
  pod: PodIdentity;
  runs: Pick<RunRegistry, 'size' | 'refuseNew' | 'refuse' | 'finished'>;
  /** Resolves when the Runs that were bound before this process began are known. */
  runsKnown: Promise<void>;
  /** Called once, when the Pod is known to be on its way out. */
  onBegun: () => void;
  clock: Clock;
  logger: Logger;
}

/** What whoever asked for the drain is told. */
export interface DrainAnswer {
  readonly status: 200 | 409 | 503;
  /** One sentence. */
  readonly message: string;
}

/** What a Runtime server may need to end a program (10 s between SIGTERM and SIGKILL) and this daemon to report it. */
const handBackMs = 13_000;
/** A hook that is still under way when the grace period is over is a failed one. */
const answerMs = 1_000;
/** As the API server does for a Pod that says nothing. */
const defaultGraceSeconds = 30;
/** How often, at most, anybody who can reach the port may cause a request to the API server. */
const checkEveryMs = 500;
const check = {attempts: 10, retryMs: 1_000, timeoutMs: 5_000};
const message = 'the Pod is terminating';

/**
 * The end of a Pod, from this daemon's side. The preStop hook of the container `runtime` asks for it, so that the Runtime
 * server is left alone while its Runs go on; the watch of the own Pod tells the same to those without a hook. Only the
 * Pod's own deletionTimestamp begins it, and nothing ends it.
 *
 * Runs that were not begun are given back at once. The others have the Pod's grace period, less the time that it takes to
 * end them, to give them back and to say so.
 */
export class Drain {
  readonly #options: DrainOptions;
  readonly #begun = new AbortController();
  readonly #answer = Promise.withResolvers<DrainAnswer>();
  #handBack: {readonly at: number; readonly timers: readonly Timer[]} | undefined;
  #handingBack = false;
  /** The check that those who come now wait for; the one before it may have asked too early. */
  #nextCheck: Promise<DrainAnswer | undefined> | undefined;
  #lastCheck: Promise<unknown> = Promise.resolve();

  constructor(options: DrainOptions) {
    this.#options = options;
  }

  get begun(): boolean {
    return this.#begun.signal.aborted;
  }

  /** Takes note of a state of the own Pod. */
  observe(pod: DeepReadonly<Pod>): void {
    const {uid, deletionTimestamp, deletionGracePeriodSeconds = defaultGraceSeconds} = pod.metadata ?? {};
    if (uid !== this.#options.pod.uid || deletionTimestamp === undefined) return;
    this.#begin(deletionGracePeriodSeconds * 1000);
  }

  /** The own Pod is not there any more: whoever removed it did not wait, and nobody waits for what runs here. */
  podGone(): void {
    this.#begin(0);
  }

  /**
   * Answers the preStop hook, when the Runs have ended or the time is over.
   *
   * @param signal aborted when nobody waits for the answer any more
   */
  async requested(signal: AbortSignal): Promise<DrainAnswer> {
    if (!this.begun) {
      const refusal = await Promise.race([this.#check(), aborted(AbortSignal.any([signal, this.#begun.signal]))]);
      if (!this.begun) {
        return refusal ?? {status: 503, message: 'nobody waits for the answer'};
      }
    }
    return this.#answer.promise;
  }

  /** Lets timers go. */
  close(): void {
    for (const timer of this.#handBack?.timers ?? []) timer.cancel();
  }

  /** The grace period can become shorter, never longer. */
  #begin(graceMs: number): void {
    const {clock, logger, runs, runsKnown, onBegun} = this.#options;
    const isFirst = !this.begun;
    const now = clock.monotonic();
    const handBackIn = Math.max(0, graceMs - Math.min(handBackMs, graceMs / 2));
    if (this.#handBack === undefined || now + handBackIn < this.#handBack.at) {
      this.close();
      const timers = [
        clock.setTimeout(() => this.#giveBack(), handBackIn),
        clock.setTimeout(() => this.#timeIsOver(), Math.max(0, graceMs - answerMs)),
      ];
      this.#handBack = {at: now + handBackIn, timers};
    }
    if (!isFirst) return;
    logger.info('draining', {graceSeconds: graceMs / 1000, attempts: runs.size});
    this.#begun.abort();
    runs.refuseNew('PodTerminating', message);
    onBegun();
    void runsKnown.then(() => runs.finished()).then(() => this.#allEnded());
  }

  #giveBack(): void {
    const {logger, runs} = this.#options;
    this.#handingBack = true;
    if (runs.size > 0) logger.warn('grace period is nearly over, attempts are ended', {attempts: runs.size});
    runs.refuse('PodTerminating', message);
  }

  #allEnded(): void {
    const how = this.#handingBack ? 'what had not ended in time was given back' : 'all Runs have ended';
    this.#options.logger.info('drained', {handedBack: this.#handingBack});
    this.#answer.resolve({status: 200, message: how});
  }

  #timeIsOver(): void {
    const {size} = this.#options.runs;
    this.#answer.resolve({status: 200, message: `the grace period is over; attempts that have not ended: ${size}`});
  }

  /** @returns why there is nothing to drain; `undefined` when the drain has begun */
  #check(): Promise<DrainAnswer | undefined> {
    if (this.#nextCheck !== undefined) return this.#nextCheck;
    const {clock} = this.#options;
    const previous = this.#lastCheck;
    const next = (async () => {
      await previous;
      this.#nextCheck = undefined;
      const result = this.#ask();
      this.#lastCheck = result.then(() => clock.sleep(checkEveryMs, this.#begun.signal)).catch(() => {});
      return result;
    })();
    this.#nextCheck = next;
    return next;
  }

  /** Nobody but the API server is believed: a Pod that stays must not be drained, whoever asks. */
  async #ask(): Promise<DrainAnswer | undefined> {
    const {pods, pod, clock, logger} = this.#options;
    let problem: unknown;
    for (let attempt = 0; attempt < check.attempts && !this.begun; attempt++) {
      try {
        const present = await pods.get(pod.name, {namespace: pod.namespace, timeoutMs: check.timeoutMs});
        if (present.metadata?.uid !== pod.uid) this.podGone();
        else this.observe(present);
        if (this.begun) return undefined;
        const why = `Pod ${pod.namespace}/${pod.name} is not being deleted, and only a Pod that is may be drained: delete the Pod`;
        return {status: 409, message: why};
      } catch (error) {
        if (isNotFound(error)) {
          this.podGone();
          return undefined;
        }
        problem = error;
        logger.warn('whether the pod is being deleted is not known', {error});
        await clock.sleep(check.retryMs, this.#begun.signal).catch(() => {});
      }
    }
    if (this.begun) return undefined;
    const why = `whether Pod ${pod.namespace}/${pod.name} is being deleted could not be found out: ${describeError(problem)}`;
    return {status: 503, message: why};
  }
}
