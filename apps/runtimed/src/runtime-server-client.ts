import type {Clock} from '@kruntimes/reconciler-kit';
import {
  type Endpoint,
  type ExecuteRequest,
  type HealthResponse,
  type RuntimeClient,
  RuntimeDefinition,
  type RuntimeEventsClient,
  RuntimeEventsDefinition,
  type SessionRequest,
  type SessionResponse,
  type StatusResponse,
} from '@kruntimes/runtime-protocol';
import {type Channel, ClientError, createChannel, createClient, Status} from 'nice-grpc';
import {RuntimedError, type RuntimedErrorCode} from './errors.ts';

/** How long a call may take before it counts as unanswered. None of them waits for a program. */
const callTimeoutMs = {health: 2_000, execute: 10_000, status: 10_000, list: 10_000, cancel: 10_000, forget: 10_000};

const channelOptions = {
  // List answers with the whole output of every kept execution.
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  // A proxy from the environment must not see what happens inside of the Pod.
  'grpc.enable_http_proxy': 0,
  // A repeated Execute is this daemon's decision.
  'grpc.enable_retries': 0,
  // A new channel begins anew, without the back-off of an older one to the same address.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
};

/**
 * The calls of one Runtime server over one connection. Every failure is a RuntimedError whose code tells what it means
 * for the execution.
 */
export class RuntimeServerClient {
  readonly #channel: Channel;
  readonly #runtime: RuntimeClient;
  readonly #events: RuntimeEventsClient;
  readonly #clock: Clock;

  constructor(endpoint: Endpoint, clock: Clock) {
    this.#channel = createChannel(endpoint.target, undefined, channelOptions);
    this.#runtime = createClient(RuntimeDefinition, this.#channel);
    this.#events = createClient(RuntimeEventsDefinition, this.#channel);
    this.#clock = clock;
  }

  health(signal?: AbortSignal): Promise<HealthResponse> {
    return this.#call('health', signal, (options) => this.#runtime.health({}, options));
  }

  async execute(request: ExecuteRequest, signal?: AbortSignal): Promise<void> {
    await this.#call('execute', signal, (options) => this.#runtime.execute(request, options));
  }

  status(id: string, signal?: AbortSignal): Promise<StatusResponse> {
    return this.#call('status', signal, (options) => this.#runtime.status({id}, options));
  }

  /** The ids of all kept executions. */
  async list(signal?: AbortSignal): Promise<string[]> {
    const {entries} = await this.#call('list', signal, (options) => this.#runtime.list({}, options));
    return entries.map(({id}) => id);
  }

  async cancel(id: string, signal?: AbortSignal): Promise<void> {
    await this.#call('cancel', signal, (options) => this.#runtime.cancel({id}, options));
  }

  async forget(id: string, signal?: AbortSignal): Promise<void> {
    await this.#call('forget', signal, (options) => this.#runtime.forget({id}, options));
  }

  /** Opens an event session; it lasts as long as either side likes. */
  async *session(requests: AsyncIterable<SessionRequest>, signal: AbortSignal): AsyncGenerator<SessionResponse> {
    try {
      yield* this.#events.session(requests, {signal});
    } catch (error) {
      signal.throwIfAborted();
      throw runtimeError('session', error);
    }
  }

  close(): void {
    this.#channel.close();
  }

  async #call<T>(
    name: keyof typeof callTimeoutMs,
    signal: AbortSignal | undefined,
    call: (options: {signal: AbortSignal}) => Promise<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    const controller = new AbortController();
    const abort = (): void => controller.abort(signal?.reason);
    signal?.addEventListener('abort', abort, {once: true});
    let timedOut = false;
    const timer = this.#clock.setTimeout(() => {
      timedOut = true;
      controller.abort();
    }, callTimeoutMs[name]);
    try {
      return await call({signal: controller.signal});
    } catch (error) {
      signal?.throwIfAborted();
      if (!timedOut) throw runtimeError(name, error);
      const message = `the Runtime server did not answer ${name} within ${callTimeoutMs[name] / 1000} s`;
      throw new RuntimedError('RUNTIME_TIMEOUT', message, {cause: error});
    } finally {
      timer.cancel();
      signal?.removeEventListener('abort', abort);
    }
  }
}

const codes: Partial<Record<Status, RuntimedErrorCode>> = {
  [Status.UNAVAILABLE]: 'RUNTIME_UNAVAILABLE',
  [Status.DEADLINE_EXCEEDED]: 'RUNTIME_TIMEOUT',
  [Status.RESOURCE_EXHAUSTED]: 'RUNTIME_BUSY',
  [Status.ALREADY_EXISTS]: 'RUNTIME_CONFLICT',
  [Status.FAILED_PRECONDITION]: 'RUNTIME_CONFLICT',
  [Status.INVALID_ARGUMENT]: 'RUNTIME_REFUSED',
  [Status.UNIMPLEMENTED]: 'RUNTIME_UNIMPLEMENTED',
  [Status.NOT_FOUND]: 'EXECUTION_UNKNOWN',
};

function runtimeError(call: string, error: unknown): RuntimedError {
  if (!(error instanceof ClientError)) {
    return new RuntimedError('RUNTIME_FAILED', `${call} of the Runtime server failed`, {cause: error});
  }
  const message = `the Runtime server answered ${call} with ${Status[error.code]}: ${error.details}`;
  return new RuntimedError(codes[error.code] ?? 'RUNTIME_FAILED', message, {cause: error});
}
