import {
  type DeepPartial,
  ExecuteRequest,
  type SessionRequest,
  SessionResponse,
  type StatusResponse,
} from '@kruntimes/runtime-protocol';
import {Executor, type ExecutorOptions} from './executor.ts';
import {FakeSupervisor} from './fake-supervisor.fixture.ts';
import {silentLogger} from './logger.ts';
import {ManualClock} from './manual-clock.fixture.ts';
import {defineRuntime} from './runtime-definition.ts';
import {SessionHub} from './session-hub.ts';

/** An executor with fake processes and a clock that stands still. */
export function fakeExecutor(options: Partial<ExecutorOptions> = {}) {
  const clock = new ManualClock();
  const supervisor = new FakeSupervisor();
  const hub = new SessionHub({clock, holdMs: 30_000, heard: () => executor.heard()});
  const executor: Executor = new Executor({
    runtime: defineRuntime({name: 'fake', command: ({args}) => ({command: 'program', args})}),
    supervisor,
    hub,
    clock,
    logger: silentLogger,
    baseEnv: {PATH: '/bin', A: 'container'},
    graceMs: 10_000,
    maxOutputBytes: Number.POSITIVE_INFINITY,
    statusStreamBytes: 4_096,
    workspaceRoot: ['/workspace'],
    maxExecutions: 10,
    daemonTimeoutMs: 240_000,
    ...options,
  });
  return {
    clock,
    supervisor,
    hub,
    executor,
    execute: (id: string, request: DeepPartial<ExecuteRequest> = {}) =>
      executor.execute(ExecuteRequest.fromPartial({id, ...request})),
    status: (id: string): Readonly<StatusResponse> => executor.status({id}),
  };
}

/** The daemon's half of a session, without a wire. */
export class FakeSession {
  readonly responses: SessionResponse[] = [];
  readonly ended: Promise<void>;
  readonly #requests: SessionRequest[] = [];
  readonly #abort = new AbortController();
  #wake: () => void = () => {};
  #closed = false;

  constructor(hub: SessionHub, windowBytes = 0) {
    this.send({kind: {$case: 'open', value: {windowBytes}}});
    this.ended = this.#read(hub);
    this.ended.catch(() => {}); // reported where it is awaited
  }

  send(request: SessionRequest): void {
    this.#requests.push(request);
    this.#wake();
  }

  ack(id: string, sequence: bigint): void {
    this.send({kind: {$case: 'ack', value: {id, sequence}}});
  }

  /** The daemon ends its half. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** The connection breaks. */
  break(): void {
    this.#abort.abort();
    this.close();
  }

  async #read(hub: SessionHub): Promise<void> {
    for await (const response of hub.serve(this.#outgoing(), this.#abort.signal)) {
      this.responses.push(SessionResponse.fromPartial(response));
    }
  }

  async *#outgoing(): AsyncGenerator<SessionRequest, void> {
    for (;;) {
      const request = this.#requests.shift();
      if (request !== undefined) yield request;
      else if (this.#closed) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}

/** Events of one execution in a list of responses, as short texts: `1 running`, `2 stdout@0 hello`, `3 exited 0`. */
export function eventsOf(id: string, responses: readonly SessionResponse[]): string[] {
  return responses.flatMap(({kind}) => {
    if (kind?.$case === 'output' && kind.value.id === id) {
      const {sequence, stream, offset, data} = kind.value;
      const text = data.length > 20 ? `${data.length} bytes` : Buffer.from(data).toString();
      return [`${sequence} ${stream === 1 ? 'stdout' : 'stderr'}@${offset} ${text}`];
    }
    if (kind?.$case === 'state' && kind.value.id === id) {
      const {sequence, endReason, exitCode} = kind.value;
      const reason = ['running', 'exited', 'timeout', 'cancelled', 'start failed', 'terminated'][endReason];
      return [`${sequence} ${reason}${endReason === 1 ? ` ${exitCode}` : ''}`];
    }
    return [];
  });
}
