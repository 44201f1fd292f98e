import {type ChildProcess, fork} from 'node:child_process';
import {fileURLToPath} from 'node:url';

interface Call {
  id: number;
  method: string;
  argument: unknown;
}

interface Answer {
  id: number;
  result?: unknown;
  error?: string;
}

type Methods = Record<string, (argument: never) => Promise<unknown>>;

/** A program of this folder as a process of its own, whose functions are called from here. It ends with this process. */
export class ChildService<M extends Methods> implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ended: Promise<void>;
  #calls = 0;

  /** @param program URL of its source */
  constructor(program: URL) {
    const execArgv = ['--conditions=development', '--disable-warning=ExperimentalWarning'];
    // What it prints is for people: standard output is for the report.
    this.#child = fork(fileURLToPath(program), {execArgv, stdio: ['ignore', 2, 2, 'ipc']});
    this.#child.on('message', (message) => this.#answered(message as Answer));
    this.#ended = new Promise((resolve) => {
      this.#child.once('exit', (code, signal) => {
        const error = new Error(`${fileURLToPath(program)} ended (${signal ?? code})`);
        for (const {reject} of this.#waiting.values()) reject(error);
        this.#waiting.clear();
        resolve();
      });
    });
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  call<K extends keyof M & string>(method: K, ...argument: Parameters<M[K]>): ReturnType<M[K]> {
    const id = ++this.#calls;
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiting);
    this.#child.send({id, method, argument: argument[0]} satisfies Call, (error) => error && waiting.reject(error));
    return waiting.promise as ReturnType<M[K]>;
  }

  /** Resolves when the process is gone. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #answered({id, result, error}: Answer): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error));
  }
}

/** In the process of a {@link ChildService}: answers calls until the other side goes, and then cleans up and ends. */
export function serve(methods: Methods, cleanUp: () => Promise<void>): void {
  process.on('message', (message) => {
    const {id, method, argument} = message as Call;
    const answer = (fields: Omit<Answer, 'id'>): void => void process.send?.({id, ...fields});
    Promise.resolve(methods[method]?.(argument as never)).then(
      (result) => answer({result}),
      (error: unknown) => answer({error: error instanceof Error ? error.message : String(error)}),
    );
  });
  // Ctrl-C goes to the whole group: the process that started this one says when it is over.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.once('disconnect', () => {
    void cleanUp().finally(() => process.exit());
  });
}
