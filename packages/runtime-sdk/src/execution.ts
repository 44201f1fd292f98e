import {constants} from 'node:os';
import type {Readable} from 'node:stream';
import {EndReason, ExecutionState, type StatusResponse, Stream} from '@kruntimes/runtime-protocol';
import {type Span, SpanStatusCode, trace} from '@opentelemetry/api';
import type {Clock, Timer} from './clock.ts';
import {errorMessage} from './errors.ts';
import {EventLog} from './event-log.ts';
import type {ExecutionSpec} from './execution-spec.ts';
import type {Logger} from './logger.ts';
import {OutputStream} from './output-stream.ts';
import type {LaunchSpec} from './process-start.ts';
import type {RuntimeDefinition} from './runtime-definition.ts';
import type {EventSource, SessionHub} from './session-hub.ts';
import type {ProcessExit, SupervisedProcess, Supervisor} from './supervisor.ts';

/** What may still stand in the pipes of a program that is gone: read whatever the window says. */
const pipeRestBytes = 256 * 1024;

/** Longest error message. */
const maxMessageLength = 4_096;

const tracer = trace.getTracer('@kruntimes/runtime-sdk');

export interface ExecutionOptions {
  runtime: RuntimeDefinition;
  supervisor: Supervisor;
  hub: SessionHub;
  clock: Clock;
  logger: Logger;
  /** What programs inherit. */
  baseEnv: Readonly<Record<string, string>>;
  graceMs: number;
  /** Most output bytes in events, both streams together. */
  maxOutputBytes: number;
  /** Most bytes of each stream in Status. */
  statusStreamBytes: number;
  /** Called once, when the execution has ended. */
  ended: () => void;
}

/** Why an execution is to end, or ended. */
interface End {
  readonly reason: EndReason;
  readonly message: string;
  readonly exit?: ProcessExit;
}

/** One execution, from Execute to Forget. */
export class ExecutionRecord implements EventSource {
  readonly id: string;
  readonly log: EventLog;
  readonly #spec: ExecutionSpec;
  readonly #options: ExecutionOptions;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #readables: Readable[] = [];
  readonly #span: Span;
  #state: ExecutionState = ExecutionState.PENDING;
  /** Why it is being ended, when something else than the program itself wants that. First one wins. */
  #wanted: End | undefined;
  #end: End | undefined;
  /** The Runtime has not said yet which program to start. */
  #isUndecided = true;
  #process: SupervisedProcess | undefined;
  #processGone = false;
  #timeout: Timer | undefined;
  #outputBytes = 0;
  #held = false;
  #final: Readonly<StatusResponse> | undefined;

  constructor(spec: ExecutionSpec, options: ExecutionOptions) {
    this.id = spec.execution.id;
    this.#spec = spec;
    this.#options = options;
    this.log = new EventLog(this.id);
    this.#stdout = new OutputStream(Stream.STDOUT, this.log, options.statusStreamBytes);
    this.#stderr = new OutputStream(Stream.STDERR, this.log, options.statusStreamBytes);
    this.#span = tracer.startSpan('runtime execute', {attributes: {'kruntimes.execution.id': this.id}});
  }

  get digest(): string {
    return this.#spec.digest;
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Whether a daemon knows the end: it acknowledged it, or was told by Status. */
  get isEndKnown(): boolean {
    return this.#final !== undefined || (this.hasEnded && this.log.acknowledged);
  }

  /** The state at this moment. Frozen: nothing that happens later, and nobody who holds it, changes it. */
  snapshot(): Readonly<StatusResponse> {
    if (this.#final !== undefined) return this.#final;
    const end = this.#end;
    const snapshot = Object.freeze({
      id: this.id,
      state: this.#state,
      exitCode: end === undefined ? 0 : exitCodeOf(end),
      stdout: this.#stdout.text(),
      stderr: this.#stderr.text(),
      errorMessage: end === undefined ? '' : end.message,
    });
    if (end !== undefined) this.#final = snapshot;
    return snapshot;
  }

  /** Starts the program and follows it to its end. Called once; never rejects. */
  async run(): Promise<void> {
    try {
      const process = await this.#launch();
      if (process === undefined) return;
      const exit = await this.#follow(process);
      this.#finish(this.#wanted ?? {reason: EndReason.EXITED, message: exitMessage(exit), exit});
    } catch (error) {
      this.#finish({reason: EndReason.START_FAILED, message: errorMessage(error)});
    }
  }

  /** Ends the program, unless something wants that already: SIGTERM, then SIGKILL after the grace period. */
  end(reason: EndReason, message: string, graceMs: number): void {
    if (this.hasEnded) return;
    this.#wanted ??= {reason, message};
    // Before the Runtime has said what to start, there is nothing to wait for.
    if (this.#isUndecided) this.#finish(this.#wanted);
    else this.#process?.end(graceMs);
  }

  flow(): void {
    const {hub} = this.#options;
    const held = hub.holds && !this.#processGone && this.log.unackedBytes >= hub.windowBytes;
    if (held === this.#held) return;
    this.#held = held;
    for (const readable of this.#readables) {
      if (held) readable.pause();
      else readable.resume();
    }
  }

  /** Undefined: it was ended before its program was started. */
  async #launch(): Promise<SupervisedProcess | undefined> {
    const {runtime, supervisor, baseEnv, clock, graceMs} = this.#options;
    const {execution} = this.#spec;
    const {command, args, env, cwd} = await runtime.command(execution);
    if (this.hasEnded) return undefined;
    this.#isUndecided = false;
    const spec: LaunchSpec = {
      command,
      args,
      cwd: cwd ?? execution.workingDir,
      env: {...baseEnv, ...execution.env, ...env},
    };
    const process = await supervisor.launch(this.id, spec);
    this.#process = process;
    if (this.#wanted !== undefined) process.end(graceMs);
    this.#state = ExecutionState.RUNNING;
    this.#logState();
    if (execution.timeoutSeconds > 0) {
      const expire = (): void => this.end(EndReason.TIMEOUT, 'timeout', graceMs);
      this.#timeout = clock.setTimeout(expire, execution.timeoutSeconds * 1_000);
    }
    return process;
  }

  /** Reads the output until it ends, and waits until no process is left. */
  async #follow(process: SupervisedProcess): Promise<ProcessExit> {
    const ends = [this.#read(process.stdout, this.#stdout), this.#read(process.stderr, this.#stderr)];
    const exit = await process.exited;
    const deadline = this.#options.clock.monotonic() + this.#options.graceMs;
    await process.gone;
    this.#processGone = true;
    this.flow();
    // A pipe that is open although no process is left is held by one that could not be found.
    const timer = this.#options.clock.setTimeout(
      () => {
        for (const readable of this.#readables) readable.destroy();
      },
      Math.max(0, deadline - this.#options.clock.monotonic()),
    );
    await Promise.all(ends);
    timer.cancel();
    return exit;
  }

  #read(readable: Readable, output: OutputStream): Promise<void> {
    this.#readables.push(readable);
    readable.on('data', (chunk: Uint8Array) => {
      this.#outputBytes += output.write(chunk, this.#room(), this.#time());
      this.#options.hub.notify(this.log);
      this.flow();
    });
    // An error of a pipe ends it as its close does, and the close follows.
    readable.on('error', (error) => this.#options.logger.warn('reading output failed', {execution: this.id, error}));
    if (this.#held) readable.pause();
    return new Promise((resolve) => readable.once('close', resolve));
  }

  /** How many bytes of output the log takes now. */
  #room(): number {
    const {hub, maxOutputBytes} = this.#options;
    const left = Math.max(0, maxOutputBytes - this.#outputBytes);
    // Who is held stops after this chunk; others leave out what is beyond the window.
    const window = hub.windowBytes + (this.#processGone ? pipeRestBytes : 0);
    if (hub.holds && !this.#processGone) return left;
    return this.log.unackedBytes < window ? left : 0;
  }

  #finish(end: End): void {
    if (this.#end !== undefined) return;
    const {hub, clock, logger, ended} = this.#options;
    this.#timeout?.cancel();
    this.#end = {...end, message: end.message.slice(0, maxMessageLength)};
    const succeeded = end.reason === EndReason.EXITED && end.exit?.exitCode === 0;
    this.#state = succeeded ? ExecutionState.SUCCEEDED : ExecutionState.FAILED;
    this.#readables.length = 0;
    const time = this.#time();
    this.#stdout.end(time);
    this.#stderr.end(time);
    this.#logState();
    hub.notify(this.log);
    logger.debug('execution ended', {execution: this.id, reason: end.reason, exitCode: exitCodeOf(end)});
    this.#span.setAttributes({'kruntimes.end.reason': end.reason, 'process.exit.code': exitCodeOf(end)});
    if (!succeeded) this.#span.setStatus({code: SpanStatusCode.ERROR, message: end.message});
    this.#span.end(clock.now());
    ended();
  }

  #logState(): void {
    const end = this.#end;
    this.log.appendState({
      state: this.#state,
      exitCode: end === undefined ? 0 : exitCodeOf(end),
      signal: end?.exit?.signal ?? '',
      errorMessage: end?.message ?? '',
      timeUnixNano: this.#time(),
      stdoutBytes: BigInt(this.#stdout.totalBytes),
      stderrBytes: BigInt(this.#stderr.totalBytes),
      truncatedBytes: BigInt(this.#stdout.omittedBytes + this.#stderr.omittedBytes),
      usage: undefined,
      endReason: end?.reason ?? EndReason.UNSPECIFIED,
    });
    this.#options.hub.notify(this.log);
  }

  #time(): bigint {
    return BigInt(Math.round(this.#options.clock.now() * 1_000)) * 1_000n;
  }
}

/** As a shell gives it: 128 and the number of the signal where one ended the program; -1 where no program ended. */
function exitCodeOf({exit}: End): number {
  if (exit?.exitCode !== undefined) return exit.exitCode;
  return exit?.signal === undefined ? -1 : 128 + constants.signals[exit.signal];
}

function exitMessage({exitCode, signal}: ProcessExit): string {
  if (signal !== undefined) return `the program was ended by ${signal}`;
  return exitCode === 0 ? '' : `the program exited with code ${exitCode}`;
}
