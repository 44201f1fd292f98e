import type {ChildProcess} from 'node:child_process';
import type {Readable} from 'node:stream';
import {ServerError, Status} from 'nice-grpc-common';
import {
  EndReason,
  ExecutionState,
  MAX_OUTPUT_DATA_BYTES,
  RuntimeEventsDefinition,
  type SessionRequest,
  type SessionResponse,
  type StateChanged,
  type StatusResponse,
  Stream,
} from '../index.ts';
import {SimpleRuntime} from './simple-runtime.fixture.ts';

/** What a server does wrong in a session. */
export type SessionFlaw =
  | 'does not say Opened'
  | 'leaves out sequence numbers'
  | 'goes on after the end'
  | 'sends text'
  | 'forgets what it has sent'
  | 'repeats what was acknowledged'
  | 'lets two sessions live'
  | 'ignores the window';

type Event = NonNullable<SessionResponse['kind']> & {$case: 'state' | 'output'};

interface Log {
  readonly events: Event[];
  readonly pipes: readonly Readable[];
  readonly sent: Record<Stream.STDOUT | Stream.STDERR, number>;
  acknowledged: number;
}

interface Session {
  readonly windowBytes: number;
  readonly queue: SessionResponse[];
  wake: () => void;
  replaced: boolean;
}

/** A small server that also has `kruntimes.runtime.v1.RuntimeEvents`, and conforms but for its flaw. */
export class SessionRuntime extends SimpleRuntime {
  readonly #flaw: SessionFlaw | undefined;
  readonly #logs = new Map<string, Log>();
  #session: Session | undefined;

  constructor(flaw?: SessionFlaw) {
    super();
    this.#flaw = flaw;
    this.server.add(RuntimeEventsDefinition, {
      session: (requests: AsyncIterable<SessionRequest>) => this.#serve(requests),
    });
  }

  protected override started(id: string, child: ChildProcess): void {
    const pipes = [child.stdout, child.stderr].filter((pipe) => pipe !== null);
    const log: Log = {events: [], pipes, sent: {[Stream.STDOUT]: 0, [Stream.STDERR]: 0}, acknowledged: 0};
    this.#logs.set(id, log);
    this.#tell(log, {$case: 'state', value: stateChanged(id, {state: ExecutionState.RUNNING})});
    child.stdout?.on('data', (chunk: Buffer) => this.#output(id, log, Stream.STDOUT, chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.#output(id, log, Stream.STDERR, chunk));
  }

  protected override ended({id, state, exitCode}: StatusResponse): void {
    const log = this.#logs.get(id);
    if (!log) return;
    const [stdoutBytes, stderrBytes] = [BigInt(log.sent[Stream.STDOUT]), BigInt(log.sent[Stream.STDERR])];
    const end = {state, exitCode, stdoutBytes, stderrBytes, endReason: EndReason.EXITED};
    this.#tell(log, {$case: 'state', value: stateChanged(id, end)});
    if (this.#flaw !== 'goes on after the end') return;
    this.#tell(log, {$case: 'state', value: stateChanged(id, {state: ExecutionState.RUNNING})});
  }

  #output(id: string, log: Log, stream: Stream.STDOUT | Stream.STDERR, chunk: Buffer): void {
    const bytes = this.#flaw === 'sends text' ? Buffer.from(chunk.toString('utf8')) : chunk;
    for (let start = 0; start < bytes.length; start += MAX_OUTPUT_DATA_BYTES) {
      const data = bytes.subarray(start, start + MAX_OUTPUT_DATA_BYTES);
      const offset = BigInt(log.sent[stream]);
      log.sent[stream] += data.length;
      this.#tell(log, {$case: 'output', value: {id, sequence: 0n, stream, offset, data, timeUnixNano: 0n}});
    }
    this.#hold(log);
  }

  #tell(log: Log, event: Event): void {
    const step = this.#flaw === 'leaves out sequence numbers' ? 2 : 1;
    event.value.sequence = BigInt(log.events.length * step + 1);
    log.events.push(event);
    this.#send(event);
  }

  #send(kind: NonNullable<SessionResponse['kind']>): void {
    this.#session?.queue.push({kind});
    this.#session?.wake();
  }

  /** Stops reading the program while more than the window is not acknowledged. */
  #hold({events, acknowledged, pipes}: Log): void {
    const {windowBytes = 0} = this.#session ?? {};
    let held = 0;
    for (const {$case, value} of events.slice(acknowledged)) if ($case === 'output') held += value.data.length;
    const isFull = windowBytes > 0 && held >= windowBytes && this.#flaw !== 'ignores the window';
    for (const pipe of pipes) {
      if (isFull) pipe.pause();
      else pipe.resume();
    }
  }

  async *#serve(requests: AsyncIterable<SessionRequest>): AsyncGenerator<SessionResponse> {
    const session: Session = {windowBytes: await this.#window(requests), queue: [], wake: () => {}, replaced: false};
    if (this.#session && this.#flaw !== 'lets two sessions live') {
      this.#session.replaced = true;
      this.#session.wake();
    }
    this.#session = session;
    if (this.#flaw !== 'does not say Opened') this.#send({$case: 'opened', value: {}});
    for (const {events, acknowledged} of this.#logs.values()) {
      const from = this.#flaw === 'repeats what was acknowledged' ? 0 : acknowledged;
      if (this.#flaw !== 'forgets what it has sent') for (const event of events.slice(from)) this.#send(event);
    }
    void this.#listen(requests, session).catch(() => {}); // the daemon has gone
    for (;;) {
      yield* session.queue.splice(0);
      if (session.replaced) throw new ServerError(Status.ABORTED, 'a newer session has begun');
      await new Promise<void>((resolve) => {
        session.wake = resolve;
        if (session.queue.length > 0 || session.replaced) resolve();
      });
    }
  }

  async #window(requests: AsyncIterable<SessionRequest>): Promise<number> {
    const first = await requests[Symbol.asyncIterator]().next();
    return first.done !== true && first.value.kind?.$case === 'open' ? first.value.kind.value.windowBytes : 0;
  }

  async #listen(requests: AsyncIterable<SessionRequest>, session: Session): Promise<void> {
    for await (const {kind} of requests) {
      if (kind?.$case === 'ping') {
        session.queue.push({kind: {$case: 'pong', value: {}}});
        session.wake();
      }
      if (kind?.$case !== 'ack') continue;
      const log = this.#logs.get(kind.value.id);
      if (!log) continue;
      log.acknowledged = Math.max(log.acknowledged, Number(kind.value.sequence));
      this.#hold(log);
    }
  }
}

function stateChanged(id: string, fields: Partial<StateChanged>): StateChanged {
  return {
    id,
    sequence: 0n,
    state: ExecutionState.UNSPECIFIED,
    exitCode: 0,
    signal: '',
    errorMessage: '',
    timeUnixNano: 0n,
    stdoutBytes: 0n,
    stderrBytes: 0n,
    truncatedBytes: 0n,
    usage: undefined,
    endReason: EndReason.UNSPECIFIED,
    ...fields,
  };
}
