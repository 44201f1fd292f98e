import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {
  EndReason,
  type ExecuteRequest,
  ExecutionState,
  parseEndpoint,
  RuntimeDefinition,
  RuntimeEventsDefinition,
  type SessionRequest,
  type SessionResponse,
  type StateChanged,
  type StatusResponse,
  Stream,
} from '@kruntimes/runtime-protocol';
import {type CallContext, createServer, type Server, ServerError, Status} from 'nice-grpc';

type Call = 'execute' | 'status' | 'list' | 'cancel' | 'forget' | 'health' | 'session';

interface FakeExecution {
  request: ExecuteRequest;
  state: ExecutionState;
  exitCode: number;
  errorMessage: string;
  text: {stdout: string; stderr: string};
  bytes: {stdout: number; stderr: number};
  sequence: bigint;
  events: SessionResponse[];
  acknowledged: bigint;
}

/**
 * A Runtime server over a real Unix socket, whose executions do what a test says. Calls can be made to fail; `crash`
 * breaks all connections and forgets everything, as a server that is killed and started again.
 */
export class FakeRuntimeServer implements AsyncDisposable {
  readonly endpoint: ReturnType<typeof parseEndpoint>;
  /** Every call that arrived, in order; health and Pings are left out. */
  readonly calls: string[] = [];
  pings = 0;
  healthChecks = 0;
  windowBytes = 0;
  healthy = true;
  /** Whether Pings stay without an answer. */
  mute = false;
  /** Whether Cancel ends an execution by itself. */
  cancelEnds = true;
  readonly executions = new Map<string, FakeExecution>();
  readonly #directory = mkdtempSync(join(tmpdir(), 'kruntimes-fake-'));
  readonly #sessions: boolean;
  readonly #failures: {call: Call; code: Status; left: number; afterwards: boolean}[] = [];
  readonly #hanging = new Set<Call>();
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #push: ((response: SessionResponse) => void) | undefined;

  constructor(options: {sessions: boolean}) {
    this.#sessions = options.sessions;
    this.endpoint = parseEndpoint(`unix://${join(this.#directory, 'runtime.sock')}`);
  }

  static async start(options: {sessions: boolean} = {sessions: true}): Promise<FakeRuntimeServer> {
    const server = new FakeRuntimeServer(options);
    await server.listen();
    return server;
  }

  async listen(): Promise<void> {
    const server = createServer();
    server.add(RuntimeDefinition, {
      execute: (request) => this.#call('execute', request.id, () => this.#execute(request)),
      status: ({id}) => this.#call('status', id, () => statusOf(this.#find(id), id)),
      list: () =>
        this.#call('list', '', () => ({
          entries: [...this.executions].map(([id, execution]) => statusOf(execution, id)),
        })),
      cancel: ({id}) =>
        this.#call('cancel', id, () => {
          this.#find(id);
          if (this.cancelEnds)
            this.end(id, {endReason: EndReason.CANCELLED, exitCode: -1, state: ExecutionState.FAILED});
          return {};
        }),
      forget: ({id}) =>
        this.#call('forget', id, () => {
          if (isRunning(this.#find(id))) throw new ServerError(Status.FAILED_PRECONDITION, 'it still runs');
          this.executions.delete(id);
          return {};
        }),
      health: () => this.#call('health', undefined, () => ({healthy: this.healthy, message: ''})),
    });
    if (this.#sessions)
      server.add(RuntimeEventsDefinition, {session: (requests, context) => this.#session(requests, context)});
    await server.listen(this.endpoint.target.replace('unix://', 'unix:'));
    this.#server = server;
  }

  /** Answers the next calls of a kind with an error; `afterwards`: only after having done what was asked. */
  fail(call: Call, code: Status, {times = 1, afterwards = false} = {}): void {
    this.#failures.push({call, code, left: times, afterwards});
  }

  /** Leaves calls of a kind without an answer. @returns a function that ends it for later calls */
  hang(call: Call): () => void {
    this.#hanging.add(call);
    return () => this.#hanging.delete(call);
  }

  /** The program writes. */
  write(id: string, stream: 'stdout' | 'stderr', data: string | Uint8Array): void {
    const execution = this.#find(id);
    const bytes = Buffer.from(data);
    const offset = BigInt(execution.bytes[stream]);
    execution.bytes[stream] += bytes.length;
    execution.text[stream] += bytes.toString('utf8');
    const value = {
      id,
      sequence: ++execution.sequence,
      stream: stream === 'stdout' ? Stream.STDOUT : Stream.STDERR,
      offset,
      data: bytes,
      timeUnixNano: now(),
    };
    this.#emit(execution, {kind: {$case: 'output', value}});
  }

  /** Sends anything at all to whoever listens, once. */
  emit(response: SessionResponse): void {
    this.#push?.(response);
  }

  /** The program ends; by default by itself with exit code 0. */
  end(id: string, how: Partial<StateChanged> = {}): void {
    const execution = this.#find(id);
    if (!isRunning(execution)) return;
    execution.state = how.state ?? ((how.exitCode ?? 0) === 0 ? ExecutionState.SUCCEEDED : ExecutionState.FAILED);
    execution.exitCode = how.exitCode ?? 0;
    execution.errorMessage = how.errorMessage ?? '';
    this.#changed(execution, {endReason: EndReason.EXITED, ...how});
  }

  /** Dies and comes back without any memory. */
  async crash(): Promise<void> {
    await this.stop();
    await this.listen();
  }

  /** Dies. */
  async stop(): Promise<void> {
    this.#server?.forceShutdown();
    this.#server = undefined;
    this.executions.clear();
    this.#push = undefined;
  }

  /** Breaks the event session, and nothing else. */
  breakSession(): void {
    this.#push?.({kind: undefined});
    this.#push = undefined;
  }

  /** Resolves when `condition` holds; it is asked after each call. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    rmSync(this.#directory, {recursive: true, force: true});
  }

  async #call<T>(call: Call, id: string | undefined, answer: () => T): Promise<T> {
    if (id !== undefined) this.calls.push(`${call} ${id}`.trim());
    else this.healthChecks++;
    const failure = this.#failures.find((entry) => entry.call === call && entry.left > 0);
    try {
      if (this.#hanging.has(call)) await new Promise(() => {});
      if (failure !== undefined) {
        failure.left--;
        if (failure.afterwards) answer();
        throw new ServerError(failure.code, 'as the test wants it');
      }
      return answer();
    } finally {
      this.#wake();
    }
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #find(id: string): FakeExecution {
    const execution = this.executions.get(id);
    if (execution === undefined) throw new ServerError(Status.NOT_FOUND, `no execution ${id}`);
    return execution;
  }

  #execute(request: ExecuteRequest): {id: string} {
    if (this.executions.has(request.id)) throw new ServerError(Status.ALREADY_EXISTS, 'known already');
    const execution: FakeExecution = {
      request,
      state: ExecutionState.RUNNING,
      exitCode: 0,
      errorMessage: '',
      text: {stdout: '', stderr: ''},
      bytes: {stdout: 0, stderr: 0},
      sequence: 0n,
      events: [],
      acknowledged: 0n,
    };
    this.executions.set(request.id, execution);
    this.#changed(execution, {});
    return {id: request.id};
  }

  #changed(execution: FakeExecution, how: Partial<StateChanged>): void {
    const value: StateChanged = {
      exitCode: 0,
      signal: '',
      errorMessage: '',
      timeUnixNano: now(),
      stdoutBytes: BigInt(execution.bytes.stdout),
      stderrBytes: BigInt(execution.bytes.stderr),
      truncatedBytes: 0n,
      usage: undefined,
      endReason: EndReason.UNSPECIFIED,
      ...how,
      id: execution.request.id,
      sequence: ++execution.sequence,
      state: execution.state,
    };
    this.#emit(execution, {kind: {$case: 'state', value}});
  }

  #emit(execution: FakeExecution, event: SessionResponse): void {
    execution.events.push(event);
    this.#push?.(event);
  }

  async *#session(requests: AsyncIterable<SessionRequest>, context: CallContext): AsyncGenerator<SessionResponse> {
    await this.#call('session', '', () => undefined);
    const queue: SessionResponse[] = [{kind: {$case: 'opened', value: {}}}];
    let wake: (() => void) | undefined;
    for (const {events, acknowledged} of this.executions.values()) {
      queue.push(...events.filter((event) => sequenceOf(event) > acknowledged));
    }
    const push = (response: SessionResponse): void => {
      queue.push(response);
      wake?.();
    };
    this.#push = push;
    void this.#listen(requests, push).catch(() => {});
    while (!context.signal.aborted) {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        if (next.kind === undefined) throw new ServerError(Status.ABORTED, 'broken by the test');
        yield next;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        context.signal.addEventListener('abort', () => resolve(), {once: true});
      });
    }
  }

  async #listen(requests: AsyncIterable<SessionRequest>, push: (response: SessionResponse) => void): Promise<void> {
    for await (const {kind} of requests) {
      if (kind?.$case === 'open') this.windowBytes = kind.value.windowBytes;
      if (kind?.$case === 'ping') {
        this.pings++;
        if (!this.mute) push({kind: {$case: 'pong', value: {}}});
      }
      if (kind?.$case === 'ack') {
        const execution = this.executions.get(kind.value.id);
        if (execution !== undefined) execution.acknowledged = kind.value.sequence;
      }
      this.#wake();
    }
  }
}

function isRunning({state}: FakeExecution): boolean {
  return state === ExecutionState.RUNNING || state === ExecutionState.PENDING;
}

function statusOf({state, exitCode, errorMessage, text}: FakeExecution, id: string): StatusResponse {
  return {id, state, exitCode, errorMessage, ...text};
}

function sequenceOf({kind}: SessionResponse): bigint {
  return kind?.$case === 'state' || kind?.$case === 'output' ? kind.value.sequence : 0n;
}

function now(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}
