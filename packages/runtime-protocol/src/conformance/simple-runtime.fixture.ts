import {type ChildProcess, spawn} from 'node:child_process';
import {createServer, type Server} from 'nice-grpc';
import {ServerError, Status} from 'nice-grpc-common';
import {
  type ExecuteRequest,
  ExecutionState,
  RuntimeDefinition,
  type RuntimeServiceImplementation,
  type StatusResponse,
} from '../index.ts';

/** What a server does wrong. */
export type Flaw =
  | 'starts a repeated id again'
  | 'forgets what runs'
  | 'says SUCCEEDED for every exit code'
  | 'mixes streams'
  | 'cancels the first process only'
  | 'accepts an empty id'
  | 'waits in Execute'
  | 'loses finished executions'
  | 'keeps all output'
  | 'ignores timeouts';

const maxStreamCharacters = 1024 * 1024;

interface Kept {
  child: ChildProcess;
  status: StatusResponse;
  exited: Promise<void>;
}

/** A small server of executor.v1 that conforms at level `required`, but for its flaw. */
export class SimpleRuntime implements AsyncDisposable {
  protected readonly server: Server = createServer();
  readonly #kept = new Map<string, Kept>();
  readonly #started: ChildProcess[] = [];
  readonly #flaw: Flaw | undefined;

  constructor(flaw?: Flaw) {
    this.#flaw = flaw;
  }

  /** @returns its address */
  async listen(): Promise<string> {
    this.server.add(RuntimeDefinition, this.#service());
    return `127.0.0.1:${await this.server.listen('127.0.0.1:0')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#started) kill(child, 'group');
    await Promise.all(Array.from(this.#kept.values(), ({exited}) => exited));
    this.server.forceShutdown();
  }

  /** For those who tell more of an execution than Status does. */
  protected started(_id: string, _child: ChildProcess): void {}

  protected ended(_status: StatusResponse): void {}

  #service(): RuntimeServiceImplementation {
    return {
      health: async () => ({healthy: true, message: ''}),
      execute: async (request) => {
        const {id} = request;
        if (id === '' && this.#flaw !== 'accepts an empty id') {
          throw new ServerError(Status.INVALID_ARGUMENT, 'the id is empty');
        }
        if (this.#kept.has(id) && this.#flaw !== 'starts a repeated id again') return {id};
        const kept = this.#start(request);
        if (this.#flaw === 'waits in Execute') await kept.exited;
        return {id};
      },
      status: async ({id}) => this.#get(id).status,
      list: async () => ({entries: Array.from(this.#kept.values(), ({status}) => status)}),
      cancel: async ({id}) => {
        const {child, status} = this.#get(id);
        if (status.state === ExecutionState.RUNNING) {
          kill(child, this.#flaw === 'cancels the first process only' ? 'process' : 'group');
        }
        return {};
      },
      forget: async ({id}) => {
        const running = this.#get(id).status.state === ExecutionState.RUNNING;
        if (running && this.#flaw !== 'forgets what runs') {
          throw new ServerError(Status.FAILED_PRECONDITION, 'the execution runs');
        }
        this.#kept.delete(id);
        return {};
      },
    };
  }

  #get(id: string): Kept {
    const kept = this.#kept.get(id);
    if (kept === undefined) throw new ServerError(Status.NOT_FOUND, 'there is no such execution');
    return kept;
  }

  #start({id, args, env, entrypoint, workingDir, timeoutSeconds}: ExecuteRequest): Kept {
    const [command = 'true', ...rest] = entrypoint === '' ? args : [`./${entrypoint}`, ...args];
    const child = spawn(command, rest, {
      ...(workingDir === '' ? {} : {cwd: workingDir}),
      env: {...process.env, ...env},
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#started.push(child);
    const status = {
      id,
      state: ExecutionState.RUNNING as ExecutionState,
      exitCode: 0,
      stdout: '',
      stderr: '',
      errorMessage: '',
    };
    const limit = this.#flaw === 'keeps all output' ? Number.POSITIVE_INFINITY : maxStreamCharacters;
    const other = this.#flaw === 'mixes streams' ? 'stdout' : 'stderr';
    const [outDecoder, errDecoder] = [new TextDecoder(), new TextDecoder()];
    child.stdout?.on('data', (chunk: Buffer) => {
      const text = outDecoder.decode(chunk, {stream: true});
      if (status.stdout.length < limit) status.stdout = (status.stdout + text).slice(0, limit);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      const text = errDecoder.decode(chunk, {stream: true});
      if (status[other].length < limit) status[other] += text;
    });
    const timer =
      timeoutSeconds > 0n && this.#flaw !== 'ignores timeouts'
        ? setTimeout(() => {
            status.errorMessage = 'timeout';
            kill(child, 'group');
          }, Number(timeoutSeconds) * 1_000)
        : undefined;
    const exited = new Promise<void>((resolve) => {
      // A survivor of a flawed cancel holds the pipes open, so the end of the process counts there.
      child.on(this.#flaw === 'cancels the first process only' ? 'exit' : 'close', (code) => {
        clearTimeout(timer);
        status.exitCode = code ?? -1;
        const succeeded = code === 0 || this.#flaw === 'says SUCCEEDED for every exit code';
        status.state = succeeded ? ExecutionState.SUCCEEDED : ExecutionState.FAILED;
        this.ended(status);
        if (this.#flaw === 'loses finished executions') setTimeout(() => this.#kept.delete(id), 100);
        resolve();
      });
    });
    this.started(id, child);
    const kept = {child, status, exited};
    this.#kept.set(id, kept);
    return kept;
  }
}

function kill({pid}: ChildProcess, whom: 'group' | 'process'): void {
  if (pid === undefined) return;
  try {
    process.kill(whom === 'group' ? -pid : pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
