import {RUNTIMED_READY_CONDITION} from '@kruntimes/api-types';
import {type Clock, type DeepReadonly, type KindClient, type Logger, rfc3339} from '@kruntimes/reconciler-kit';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {BackOff} from './back-off.ts';
import type {PodIdentity} from './pod-identity.ts';
import {isOlderThan} from './resource-version.ts';

/** Whether this Pod takes Runs. */
export interface ReadinessState {
  readonly ready: boolean;
  /** One word in CamelCase. */
  readonly reason: string;
  readonly message: string;
}

export interface ReadinessOptions {
  pods: KindClient<Pod>;
  pod: PodIdentity;
  /** What is the case now; `undefined` while that is not worth a write, because it will soon be something else. */
  state: () => ReadinessState | undefined;
  clock: Clock;
  random: () => number;
  logger: Logger;
}

const retry = {initialMs: 200, maxMs: 5_000};
const requestTimeoutMs = 5_000;

/**
 * Keeps the Pod condition and readiness gate `kruntimes.io/RuntimedReady` as it should be. It writes only when the Pod
 * says something else: also when somebody else, such as the controller after an expired Lease, has changed it.
 */
export class Readiness {
  readonly #options: ReadinessOptions;
  #pod: DeepReadonly<Pod> | undefined;
  #writing: Promise<void> | undefined;
  #closed = new AbortController();

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Takes note of a state of the Pod. */
  observe(pod: DeepReadonly<Pod>): void {
    if (pod.metadata?.uid !== this.#options.pod.uid || (this.#pod !== undefined && isOlderThan(pod, this.#pod))) return;
    this.#pod = pod;
    this.check();
  }

  /** Compares, and writes if need be. Call it when the answer of `state` may have changed. */
  check(): void {
    this.#writing ??= this.#write();
  }

  /** Resolves when the Pod says what is the case, or cannot be told. */
  async written(): Promise<void> {
    await this.#writing;
  }

  /** Ends writing. */
  close(): void {
    this.#closed.abort();
  }

  async #write(): Promise<void> {
    const {pods, pod, state, clock, random, logger} = this.#options;
    const {signal} = this.#closed;
    const backOff = new BackOff({...retry, random});
    // Not before the caller knows that this is under way.
    await Promise.resolve();
    while (!signal.aborted && this.#pod !== undefined) {
      const wanted = state();
      if (wanted === undefined) break;
      const {ready, reason, message} = wanted;
      const status = ready ? 'True' : 'False';
      const present = this.#pod.status?.conditions?.find(({type}) => type === RUNTIMED_READY_CONDITION);
      // A gate without its condition is closed: there is no need to say so.
      if (present === undefined ? !ready : present.status === status && (ready || present.reason === reason)) break;
      const condition = {
        type: RUNTIMED_READY_CONDITION,
        status,
        reason,
        message,
        lastTransitionTime: present?.status === status ? present.lastTransitionTime : rfc3339(clock.now()),
      };
      try {
        const patch = {type: 'strategic' as const, body: {metadata: {uid: pod.uid}, status: {conditions: [condition]}}};
        const patched = await pods.patchStatus(pod, patch, {signal, timeoutMs: requestTimeoutMs});
        logger.info('readiness changed', {ready, reason});
        if (!isOlderThan(patched, this.#pod)) this.#pod = patched;
      } catch (error) {
        if (signal.aborted) break;
        logger.warn('readiness could not be written', {error});
        await clock.sleep(backOff.next(), signal).catch(() => {});
      }
    }
    this.#writing = undefined;
  }
}
