import {MASTERS, type UserInfo} from '../auth/user-info.ts';
import {type Clock, systemClock, type Timer} from '../clock.ts';
import {type StatusError, statusErrors} from '../errors/status-error.ts';

export interface FlowControlOptions {
  /** Requests that are carried out at the same time. Default: 200. */
  concurrency?: number;
  /** Of them, those of one flow: a share is always left to others. Default: three quarters. */
  concurrencyPerFlow?: number;
  /** Requests of one flow that wait. Default: 100. */
  queueLength?: number;
  /** Requests of all flows that wait. Default: 2,000. */
  queuedTotal?: number;
  /** How long a request waits. Default: 15 s. */
  waitMs?: number;
  clock?: Clock;
}

/** A request that asks for its turn. */
export interface FlowRequest {
  user: UserInfo;
  isWrite: boolean;
  /** Aborts when the client is gone. */
  signal: AbortSignal;
}

/** Says that a request is done with; a second call does nothing. */
export type Release = () => void;

interface Waiter {
  start(): void;
}

interface Flow {
  running: number;
  waiting: Set<Waiter>;
}

const RETRY_AFTER_SECONDS = 1;

/**
 * Lets a bounded number of requests run. Those that must wait form a queue for each flow (the reads or the writes of a user), the flows
 * take turns, and who finds the queue full or waits too long shall come again later. Administrators (`system:masters`) never wait, as
 * in Kubernetes.
 *
 * @see https://kubernetes.io/docs/concepts/cluster-administration/flow-control/
 */
export class FlowControl {
  readonly #concurrency: number;
  readonly #concurrencyPerFlow: number;
  readonly #queueLength: number;
  readonly #queuedTotal: number;
  readonly #waitMs: number;
  readonly #clock: Clock;
  /** Those with requests, the one whose turn is next first. */
  readonly #flows = new Map<string, Flow>();
  #running = 0;
  #waiting = 0;

  constructor(options: FlowControlOptions = {}) {
    this.#concurrency = options.concurrency ?? 200;
    this.#concurrencyPerFlow = options.concurrencyPerFlow ?? Math.max(1, Math.ceil(this.#concurrency * 0.75));
    this.#queueLength = options.queueLength ?? 100;
    this.#queuedTotal = options.queuedTotal ?? 2_000;
    this.#waitMs = options.waitMs ?? 15_000;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Resolves when a request may run. What it gives must be called when that is done.
   *
   * @throws StatusError 429
   */
  async admit(request: FlowRequest): Promise<Release> {
    if (request.user.groups.includes(MASTERS)) return () => {};
    const name = `${request.isWrite ? 'write' : 'read'} ${request.user.username}`;
    const flow = this.#flows.get(name) ?? {running: 0, waiting: new Set()};
    if (flow.waiting.size === 0 && this.#hasRoom(flow)) {
      this.#flows.set(name, flow);
      return this.#run(name, flow);
    }
    if (flow.waiting.size >= this.#queueLength || this.#waiting >= this.#queuedTotal) throw tooMany();
    this.#flows.set(name, flow);
    return await this.#wait(name, flow, request.signal);
  }

  #hasRoom(flow: Flow): boolean {
    return this.#running < this.#concurrency && flow.running < this.#concurrencyPerFlow;
  }

  #run(name: string, flow: Flow): Release {
    flow.running++;
    this.#running++;
    let isDone = false;
    return () => {
      if (isDone) return;
      isDone = true;
      flow.running--;
      this.#running--;
      this.#forget(name, flow);
      this.#startNext();
    };
  }

  async #wait(name: string, flow: Flow, signal: AbortSignal): Promise<Release> {
    return await new Promise<Release>((resolve, reject) => {
      const leave = (): void => {
        flow.waiting.delete(waiter);
        this.#waiting--;
        timer.cancel();
        signal.removeEventListener('abort', giveUp);
      };
      const giveUp = (): void => {
        leave();
        this.#forget(name, flow);
        reject(tooMany());
      };
      const waiter: Waiter = {
        start: () => {
          leave();
          resolve(this.#run(name, flow));
        },
      };
      const timer: Timer = this.#clock.setTimeout(giveUp, this.#waitMs);
      flow.waiting.add(waiter);
      this.#waiting++;
      if (signal.aborted) giveUp();
      else signal.addEventListener('abort', giveUp);
    });
  }

  /** Starts one request of the first flow that may have one more; that flow is last in line then. */
  #startNext(): void {
    if (this.#waiting === 0) return;
    for (const [name, flow] of this.#flows) {
      const [waiter] = flow.waiting;
      if (waiter === undefined || !this.#hasRoom(flow)) continue;
      this.#flows.delete(name);
      this.#flows.set(name, flow);
      waiter.start();
      return;
    }
  }

  #forget(name: string, flow: Flow): void {
    if (flow.running === 0 && flow.waiting.size === 0) this.#flows.delete(name);
  }
}

function tooMany(): StatusError {
  return statusErrors.tooManyRequests('Too many requests, please try again later.', RETRY_AFTER_SECONDS);
}
