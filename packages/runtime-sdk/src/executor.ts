import {
  type CancelRequest,
  EndReason,
  type ExecuteRequest,
  type ExecuteResponse,
  type ForgetRequest,
  type HealthResponse,
  type StatusRequest,
  type StatusResponse,
} from '@kruntimes/runtime-protocol';
import {ServerError, Status} from 'nice-grpc-common';
import type {Clock, Timer} from './clock.ts';
import {type ExecutionOptions, ExecutionRecord} from './execution.ts';
import {executionSpec} from './execution-spec.ts';
import type {SessionHub} from './session-hub.ts';

export interface ExecutorOptions extends Omit<ExecutionOptions, 'ended'> {
  hub: SessionHub;
  clock: Clock;
  /** Absolute paths, all names of the same directory. */
  workspaceRoot: readonly [string, ...string[]];
  /** Most executions kept, running and finished. */
  maxExecutions: number;
  /** End everything when no daemon was heard for so long; 0 for never. */
  daemonTimeoutMs: number;
}

/** After a pause of the whole process, what its daemon said meanwhile is read within this time. */
const secondLookMs = 1_000;

/** The six calls of `executor.v1.Runtime`: which executions there are, and what may be done with them. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #executions = new Map<string, ExecutionRecord>();
  #running = 0;
  #stopping = false;
  #heardAt: number;
  /** Runs while executions do. */
  #watch: Timer | undefined;
  readonly #idle: (() => void)[] = [];

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#heardAt = options.clock.monotonic();
  }

  /** Something came from a daemon. */
  heard(): void {
    this.#heardAt = this.#options.clock.monotonic();
  }

  /**
   * Starts an execution. The same request again, while the execution is kept, is answered alike and starts nothing.
   *
   * @throws {ServerError} INVALID_ARGUMENT, ALREADY_EXISTS for another request with the same id, RESOURCE_EXHAUSTED,
   *   UNAVAILABLE while the server stops.
   */
  execute(request: ExecuteRequest): ExecuteResponse {
    const {workspaceRoot, maxExecutions, hub} = this.#options;
    const spec = executionSpec(request, workspaceRoot);
    const {id} = spec.execution;
    const existing = this.#executions.get(id);
    if (existing !== undefined) {
      if (existing.digest === spec.digest) return {id};
      throw new ServerError(Status.ALREADY_EXISTS, `execution ${id} exists, and was asked for in other words`);
    }
    if (this.#stopping) throw new ServerError(Status.UNAVAILABLE, 'the Runtime server is stopping');
    if (this.#executions.size >= maxExecutions) {
      const problem = `${maxExecutions} executions are kept, which is the limit; Forget those that are finished`;
      throw new ServerError(Status.RESOURCE_EXHAUSTED, problem);
    }
    const execution = new ExecutionRecord(spec, {...this.#options, ended: () => this.#ended()});
    this.#executions.set(id, execution);
    this.#running++;
    hub.add(execution);
    void execution.run();
    this.#watchDaemon();
    return {id};
  }

  /** @throws {ServerError} NOT_FOUND */
  status({id}: StatusRequest): Readonly<StatusResponse> {
    return this.#get(id).snapshot();
  }

  list(): {readonly entries: Readonly<StatusResponse>[]} {
    return {entries: Array.from(this.#executions.values(), (execution) => execution.snapshot())};
  }

  /** @throws {ServerError} NOT_FOUND */
  cancel({id}: CancelRequest): void {
    this.#get(id).end(EndReason.CANCELLED, 'cancelled', this.#options.graceMs);
  }

  /** @throws {ServerError} NOT_FOUND, FAILED_PRECONDITION while it runs. */
  forget({id}: ForgetRequest): void {
    if (!this.#get(id).hasEnded) throw new ServerError(Status.FAILED_PRECONDITION, `execution ${id} has not ended`);
    this.#executions.delete(id);
    this.#options.hub.remove(id);
  }

  health(): HealthResponse {
    return this.#stopping ? {healthy: false, message: 'the Runtime server is stopping'} : {healthy: true, message: ''};
  }

  /** Whether a daemon knows how every execution ended. */
  get isEveryEndKnown(): boolean {
    return Array.from(this.#executions.values()).every(({isEndKnown}) => isEndKnown);
  }

  /** Takes no more executions, ends those that run, and resolves when none does. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true;
    this.#terminate('the Runtime server was stopped', graceMs);
    if (this.#running > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #get(id: string): ExecutionRecord {
    const execution = this.#executions.get(id);
    if (execution === undefined) throw new ServerError(Status.NOT_FOUND, `there is no execution ${id}`);
    return execution;
  }

  #terminate(message: string, graceMs: number): void {
    for (const execution of this.#executions.values()) {
      execution.end(EndReason.RUNTIME_TERMINATED, message, graceMs);
    }
  }

  #ended(): void {
    this.#running--;
    if (this.#running > 0) return;
    this.#watch?.cancel();
    this.#watch = undefined;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** While something runs, ends it when no daemon is heard: the Run may have been given to another Pod by then. */
  #watchDaemon(): void {
    const {daemonTimeoutMs, clock, logger, graceMs} = this.#options;
    if (daemonTimeoutMs === 0 || this.#watch !== undefined) return;
    const check = (secondLook: boolean): void => {
      const remainingMs = this.#heardAt + daemonTimeoutMs - clock.monotonic();
      if (remainingMs > 0) {
        this.#watch = clock.setTimeout(() => check(false), remainingMs);
      } else if (!secondLook) {
        this.#watch = clock.setTimeout(() => check(true), secondLookMs);
      } else {
        this.#watch = undefined;
        const seconds = Math.round(daemonTimeoutMs / 1_000);
        logger.error('no daemon was heard, so running executions are ended', {seconds, running: this.#running});
        this.#terminate(`no daemon was heard for ${seconds} s`, graceMs);
      }
    };
    check(false);
  }
}
