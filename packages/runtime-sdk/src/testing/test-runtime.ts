import {Buffer} from 'node:buffer';
import {chmod, mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {
  EndReason,
  type RuntimeClient,
  type RuntimeEventsClient,
  RuntimeEventsDefinition,
  RuntimeDefinition as RuntimeService,
} from '@kruntimes/runtime-protocol';
import {type Channel, createChannel, createClient} from 'nice-grpc';
import type {RuntimeDefinition} from '../runtime-definition.ts';
import {type RunningServer, type ServeOptions, serveRuntime} from '../runtime-server.ts';
import {SessionReader} from './session-reader.ts';

/** What to execute. */
export interface TestRequest {
  /** Files of the working directory, by relative path: their text, or their bytes. All of them are executable. */
  files?: Readonly<Record<string, string | Uint8Array>>;
  entrypoint?: string;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
  handler?: string;
  /** Default: none. */
  timeoutSeconds?: number;
}

/** How an execution ended. */
export interface TestResult {
  /** `exited`: the program ended by itself. */
  readonly reason: 'exited' | 'timeout' | 'cancelled' | 'start failed' | 'runtime terminated';
  /** Of `exited`: the program's, or 128 and the number of the signal. Otherwise -1. */
  readonly exitCode: number;
  /** Signal that ended the program by itself; empty where none did. */
  readonly signal: string;
  readonly errorMessage: string;
  /** Output as text. */
  readonly stdout: string;
  readonly stderr: string;
  /** Output as it was written. */
  readonly stdoutBytes: Buffer;
  readonly stderrBytes: Buffer;
  /** Bytes that were left out because of a limit. */
  readonly truncatedBytes: number;
}

/** An execution that was started. */
export interface TestExecution {
  readonly id: string;
  /** Directory of its files, in which its program starts. */
  readonly workingDir: string;
  readonly result: Promise<TestResult>;
  /** Resolves when standard output holds a text; fails when the execution ends without. */
  printed(text: string): Promise<void>;
  cancel(): Promise<void>;
}

const reasons: Readonly<Record<EndReason, TestResult['reason']>> = {
  [EndReason.UNSPECIFIED]: 'exited',
  [EndReason.EXITED]: 'exited',
  [EndReason.TIMEOUT]: 'timeout',
  [EndReason.CANCELLED]: 'cancelled',
  [EndReason.START_FAILED]: 'start failed',
  [EndReason.RUNTIME_TERMINATED]: 'runtime terminated',
};

/** A served Runtime with a daemon of the harness beside it. Made by {@link startRuntime}. */
export class TestRuntime implements AsyncDisposable {
  /** The six calls, for what {@link run} does not offer. */
  readonly client: RuntimeClient;
  readonly events: RuntimeEventsClient;
  readonly server: RunningServer;
  /** Temporary directory that holds socket and workspace. */
  readonly directory: string;
  readonly workspaceRoot: string;
  readonly #channel: Channel;
  readonly #session = new SessionReader();
  #count = 0;

  /** Use {@link startRuntime}. */
  constructor(server: RunningServer, directory: string, workspaceRoot: string) {
    this.server = server;
    this.directory = directory;
    this.workspaceRoot = workspaceRoot;
    this.#channel = createChannel(server.addresses[0] ?? '');
    this.client = createClient(RuntimeService, this.#channel);
    this.events = createClient(RuntimeEventsDefinition, this.#channel);
  }

  /** Opens the session. */
  async connect(windowBytes: number): Promise<void> {
    await this.#session.start(this.events, windowBytes);
  }

  /** Executes, and resolves when the execution has ended. It is forgotten then. */
  async run(request: TestRequest): Promise<TestResult> {
    const execution = await this.start(request);
    const result = await execution.result;
    await this.client.forget({id: execution.id});
    return result;
  }

  /** Starts an execution. It is kept until the runtime is closed, or `client.forget` is called. */
  async start(request: TestRequest): Promise<TestExecution> {
    const id = `test-${++this.#count}`;
    const workingDir = join(this.workspaceRoot, id, 'work');
    await writeFiles(workingDir, request.files ?? {});
    const transcript = this.#session.transcript(id);
    await this.client.execute({
      id,
      workingDir,
      entrypoint: request.entrypoint ?? '',
      args: [...(request.args ?? [])],
      env: {...request.env},
      handler: request.handler ?? '',
      timeoutSeconds: BigInt(request.timeoutSeconds ?? 0),
    });
    const result = transcript.end.then((end): TestResult => {
      const stdoutBytes = Buffer.concat(transcript.stdout);
      const stderrBytes = Buffer.concat(transcript.stderr);
      return {
        reason: reasons[end.endReason],
        exitCode: end.exitCode,
        signal: end.signal,
        errorMessage: end.errorMessage,
        stdout: stdoutBytes.toString(),
        stderr: stderrBytes.toString(),
        stdoutBytes,
        stderrBytes,
        truncatedBytes: Number(end.truncatedBytes),
      };
    });
    result.catch(() => {}); // reported where it is awaited
    return {
      id,
      workingDir,
      result,
      printed: (text) => this.#session.printed(id, text),
      cancel: async () => {
        await this.client.cancel({id});
      },
    };
  }

  /** Ends what runs, stops the server, and removes its directory. */
  async close(): Promise<void> {
    await this.server.close();
    await this.#session.stop();
    this.#channel.close();
    await rm(this.directory, {recursive: true, force: true});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

export interface TestRuntimeOptions extends Partial<Omit<ServeOptions, 'listen' | 'workspaceRoot'>> {
  /** Most unacknowledged output bytes of an execution. Default: the server's. */
  windowBytes?: number;
}

/**
 * Serves a Runtime in this process, on a socket in a temporary directory, so that a test can run executions against it
 * exactly as runtimed would. Close it when the test is done.
 *
 * @throws {RuntimeSdkError} `HARNESS_FAILED`, and what `serveRuntime` throws.
 */
export async function startRuntime(runtime: RuntimeDefinition, options: TestRuntimeOptions = {}): Promise<TestRuntime> {
  const {windowBytes = 0, ...serveOptions} = options;
  const directory = await mkdtemp(join(tmpdir(), 'krt-'));
  const workspaceRoot = join(directory, 'workspace');
  const listen = [`unix://${join(directory, 'runtime.sock')}`];
  const server = await serveRuntime(runtime, {...serveOptions, listen, workspaceRoot});
  const testRuntime = new TestRuntime(server, directory, workspaceRoot);
  await testRuntime.connect(windowBytes);
  return testRuntime;
}

async function writeFiles(directory: string, files: NonNullable<TestRequest['files']>): Promise<void> {
  await mkdir(directory, {recursive: true});
  for (const [name, content] of Object.entries(files)) {
    const path = join(directory, name);
    await mkdir(dirname(path), {recursive: true});
    await writeFile(path, content);
    await chmod(path, 0o755);
  }
}
