import type {Clock, Logger} from '@kruntimes/reconciler-kit';
import type {Endpoint} from '@kruntimes/runtime-protocol';
import {BackOff} from './back-off.ts';
import {describeError, isRuntimedError, RuntimedError} from './errors.ts';
import {EventSession} from './event-session.ts';
import type {Execution} from './execution.ts';
import {RuntimeServerClient} from './runtime-server-client.ts';
import {applyStatus} from './status-poll.ts';

export interface RuntimeConnectionOptions {
  /** Tried in turn until one answers Health. */
  endpoints: readonly Endpoint[];
  /** Executions of a server that has not answered for so long count as lost. */
  lostAfterMs: number;
  clock: Clock;
  random: () => number;
  logger: Logger;
  metrics: RuntimeConnectionMetrics;
}

/** The numbers that a connection tells. */
export interface RuntimeConnectionMetrics {
  readonly runtimeConnected: {set(value: number): void};
  readonly runtimeConnections: {inc(labels: {mode: string}): void};
}

/** A Runtime server that answers. */
export interface ConnectedRuntime {
  readonly client: RuntimeServerClient;
  /** Grows with each connection; executions do not outlive a server, so they may not outlive a connection. */
  readonly generation: number;
  /** `session`: the server pushes events. `polling`: it only answers Status. */
  readonly mode: 'session' | 'polling';
}

const reconnect = {initialMs: 50, maxMs: 2_000};
const poll = {initialMs: 20, maxMs: 1_000, factor: 1.5};
/** A connection that lasted so long was a good one: the next begins without back-off. */
const goodConnectionMs = 5_000;
/** How often a server without sessions is asked for Health. */
const healthPeriodMs = 5_000;
/** How many Status calls for one execution may fail in a row, for other reasons than the connection. */
const failedPolls = 10;

/**
 * The connection to the Runtime server beside this daemon, made again whenever it breaks. Followed executions get their
 * events through it, by a session or by polling, and learn when the server does not know them any more.
 */
export class RuntimeConnection {
  readonly #options: RuntimeConnectionOptions;
  readonly #executions = new Map<string, Execution>();
  readonly #waiting = new Set<(runtime: ConnectedRuntime) => void>();
  readonly #listeners = new Set<() => void>();
  #runtime: ConnectedRuntime | undefined;
  #session: EventSession | undefined;
  /** Ends what belongs to the present connection. */
  #connectionEnd = new AbortController();
  #generation = 0;
  /** Runs while there is no connection. */
  #lossTimer: {cancel(): void} | undefined;
  #problem = 'the Runtime server has not answered yet';

  constructor(options: RuntimeConnectionOptions) {
    this.#options = options;
  }

  /** The Runtime server, while it answers. */
  get runtime(): ConnectedRuntime | undefined {
    return this.#runtime;
  }

  /** Why there is no connection, in one sentence. */
  get problem(): string {
    return this.#problem;
  }

  /** Calls `listener` whenever the connection comes or goes. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits for a Runtime server that answers. @throws the signal's reason */
  connected(signal: AbortSignal): Promise<ConnectedRuntime> {
    if (signal.aborted) return Promise.reject(signal.reason);
    if (this.#runtime !== undefined) return Promise.resolve(this.#runtime);
    return new Promise((resolve, reject) => {
      const settle = (runtime: ConnectedRuntime): void => {
        signal.removeEventListener('abort', onAbort);
        resolve(runtime);
      };
      const onAbort = (): void => {
        this.#waiting.delete(settle);
        reject(signal.reason);
      };
      this.#waiting.add(settle);
      signal.addEventListener('abort', onAbort, {once: true});
    });
  }

  /** Leads events to an execution, from before it is started. */
  follow(execution: Execution): void {
    this.#executions.set(execution.id, execution);
  }

  /** The server has taken an execution, by the connection `by`: watch over it until it ends. */
  accepted(execution: Execution, by: ConnectedRuntime): void {
    if (execution.accepted) return;
    execution.accepted = true;
    if (this.#runtime === undefined) return;
    if (this.#runtime !== by || by.mode === 'polling') this.#watchOver(execution, this.#runtime);
  }

  /** Ends following an execution. */
  unfollow(id: string): void {
    this.#executions.delete(id);
    this.#session?.forget(id);
  }

  /** Tells the server that every event of an execution up to `sequence` is done with. */
  acknowledge(id: string, sequence: bigint): void {
    if (this.#executions.has(id)) this.#session?.acknowledge(id, sequence);
  }

  /** Keeps the connection until the signal is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const {clock, random, endpoints} = this.#options;
    const backOff = new BackOff({...reconnect, random});
    this.#lossTimer = this.#loseExecutionsLater();
    while (!signal.aborted) {
      for (const endpoint of endpoints) {
        const since = clock.monotonic();
        await this.#try(endpoint, signal);
        if (clock.monotonic() - since >= goodConnectionMs) backOff.reset();
        if (signal.aborted) break;
      }
      await clock.sleep(backOff.next(), signal).catch(() => {});
    }
    this.#lossTimer.cancel();
  }

  /** Connects to one endpoint, and returns when the connection is broken or was not made. */
  async #try(endpoint: Endpoint, signal: AbortSignal): Promise<void> {
    const {clock, logger} = this.#options;
    const client = new RuntimeServerClient(endpoint, clock);
    try {
      await checkHealth(client, signal);
      await this.#serve(client, endpoint, signal);
    } catch (error) {
      const connected = this.#runtime !== undefined;
      this.#problem = `Runtime server at ${endpoint.target}: ${describeError(error)}`;
      if (signal.aborted) return;
      if (connected) logger.warn('connection to the runtime server lost', {endpoint: endpoint.target, error});
      else logger.debug('runtime server does not answer', {endpoint: endpoint.target, error});
    } finally {
      if (this.#runtime !== undefined) this.#disconnect();
      client.close();
    }
  }

  /** Uses a connection until it breaks. */
  async #serve(client: RuntimeServerClient, endpoint: Endpoint, signal: AbortSignal): Promise<never> {
    const session = new EventSession({client, clock: this.#options.clock, executions: this.#executions});
    const end = new AbortController();
    const abort = (): void => end.abort(signal.reason);
    signal.addEventListener('abort', abort, {once: true});
    this.#connectionEnd = end;
    const open = (mode: ConnectedRuntime['mode']): void => {
      this.#session = mode === 'session' ? session : undefined;
      this.#connect({client, mode, generation: ++this.#generation}, endpoint);
    };
    try {
      return await this.#hold(session, client, open, end.signal);
    } catch (error) {
      // What ended the connection on purpose tells more than the call that broke by it.
      throw end.signal.aborted ? end.signal.reason : error;
    } finally {
      signal.removeEventListener('abort', abort);
      end.abort();
    }
  }

  async #hold(
    session: EventSession,
    client: RuntimeServerClient,
    open: (mode: ConnectedRuntime['mode']) => void,
    signal: AbortSignal,
  ): Promise<never> {
    try {
      return await session.run(() => open('session'), signal);
    } catch (error) {
      if (!isRuntimedError(error, 'RUNTIME_UNIMPLEMENTED')) throw error;
      open('polling');
      return await this.#keepAlive(client, signal);
    }
  }

  #connect(runtime: ConnectedRuntime, endpoint: Endpoint): void {
    const {logger, metrics} = this.#options;
    this.#runtime = runtime;
    this.#lossTimer?.cancel();
    metrics.runtimeConnected.set(1);
    metrics.runtimeConnections.inc({mode: runtime.mode});
    logger.info('connected to the runtime server', {endpoint: endpoint.target, mode: runtime.mode});
    for (const execution of this.#executions.values()) {
      if (execution.accepted) this.#watchOver(execution, runtime);
    }
    for (const settle of this.#waiting) settle(runtime);
    this.#waiting.clear();
    this.#changed();
  }

  #disconnect(): void {
    this.#runtime = undefined;
    this.#session = undefined;
    this.#lossTimer = this.#loseExecutionsLater();
    this.#options.metrics.runtimeConnected.set(0);
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #loseExecutionsLater(): {cancel(): void} {
    const {clock, lostAfterMs} = this.#options;
    return clock.setTimeout(() => {
      const message = `the Runtime server did not answer for ${Math.round(lostAfterMs / 1000)} s`;
      for (const execution of this.#executions.values()) lose(execution, message, clock.now());
    }, lostAfterMs);
  }

  /** Asks a server without sessions for Health now and then: it is what tells it that its daemon lives. */
  async #keepAlive(client: RuntimeServerClient, signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.#options.clock.sleep(healthPeriodMs, signal);
      await checkHealth(client, signal);
    }
  }

  /** Makes sure that the server knows an execution; without a session, asks for its state until it ends. */
  #watchOver(execution: Execution, {client, mode}: ConnectedRuntime): void {
    const connectionEnd = this.#connectionEnd;
    const {signal} = connectionEnd;
    const watching =
      mode === 'session' ? this.#status(execution, client, signal) : this.#poll(execution, client, signal);
    watching.catch((error: unknown) => {
      if (signal.aborted) return;
      // A call without an answer means that the connection is no good.
      if (isUnanswered(error)) connectionEnd.abort(error);
      else this.#options.logger.warn('runtime server answers Status with an error', {execution: execution.id, error});
    });
  }

  async #poll(execution: Execution, client: RuntimeServerClient, signal: AbortSignal): Promise<void> {
    const {clock, random} = this.#options;
    const backOff = new BackOff({...poll, random});
    let failures = 0;
    while (this.#isFollowed(execution)) {
      await clock.sleep(backOff.next(), signal);
      try {
        const status = await this.#status(execution, client, signal);
        failures = 0;
        if (status !== undefined && this.#isFollowed(execution)) applyStatus(execution, status, clock.now());
      } catch (error) {
        if (
          signal.aborted ||
          isRuntimedError(error, 'RUNTIME_UNAVAILABLE') ||
          isRuntimedError(error, 'RUNTIME_TIMEOUT')
        )
          throw error;
        if (++failures < failedPolls) continue;
        lose(execution, `${failures} Status calls failed, the last one: ${describeError(error)}`, clock.now());
      }
    }
  }

  /** Status of an execution that was accepted; one that is unknown is lost. */
  async #status(execution: Execution, client: RuntimeServerClient, signal: AbortSignal) {
    try {
      return await client.status(execution.id, signal);
    } catch (error) {
      if (!isRuntimedError(error, 'EXECUTION_UNKNOWN')) throw error;
      lose(execution, 'the Runtime server does not know the execution any more', this.#options.clock.now());
      return undefined;
    }
  }

  #isFollowed(execution: Execution): boolean {
    return !execution.hasEnded && this.#executions.get(execution.id) === execution;
  }
}

function lose(execution: Execution, message: string, time: number): void {
  execution.end({...execution.totals, kind: 'lost', message, time});
}

function isUnanswered(error: unknown): boolean {
  return isRuntimedError(error, 'RUNTIME_UNAVAILABLE') || isRuntimedError(error, 'RUNTIME_TIMEOUT');
}

async function checkHealth(client: RuntimeServerClient, signal: AbortSignal): Promise<void> {
  const {healthy, message} = await client.health(signal);
  if (!healthy) throw new RuntimedError('RUNTIME_UNAVAILABLE', `it says that it is not healthy: ${message}`);
}
