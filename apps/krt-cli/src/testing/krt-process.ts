import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process';
import {once} from 'node:events';
import {fileURLToPath} from 'node:url';

const main = fileURLToPath(new URL('../main.ts', import.meta.url));

export interface KrtOptions {
  kubeconfig?: string;
  stdin?: string;
  env?: NodeJS.ProcessEnv;
}

export interface KrtResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  stdoutBytes: Buffer;
  stderrBytes: Buffer;
}

/** The real program as a child process, from its sources. */
export class KrtProcess {
  readonly child: ChildProcessWithoutNullStreams;
  readonly #chunks = {stdout: [] as Buffer[], stderr: [] as Buffer[]};
  readonly #closed: Promise<unknown[]>;
  #listeners: (() => void)[] = [];

  constructor(args: readonly string[], options: KrtOptions = {}) {
    this.child = spawn(
      process.execPath,
      ['--conditions=development', '--disable-warning=ExperimentalWarning', main, ...args],
      {
        env: {PATH: process.env['PATH'], HOME: '/nonexistent', KUBECONFIG: options.kubeconfig ?? '', ...options.env},
      },
    );
    this.#closed = once(this.child, 'close');
    for (const stream of ['stdout', 'stderr'] as const) {
      this.child[stream].on('data', (chunk: Buffer) => {
        this.#chunks[stream].push(chunk);
        for (const listener of this.#listeners) listener();
      });
    }
    this.child.stdin.on('error', () => undefined);
    this.child.stdin.end(options.stdin ?? '');
  }

  text(stream: 'stdout' | 'stderr'): string {
    return Buffer.concat(this.#chunks[stream]).toString('utf8');
  }

  /** Resolves as soon as the stream contains `text`; rejects when the program ends without it. */
  async printed(stream: 'stdout' | 'stderr', text: string): Promise<void> {
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    const check = (): void => {
      if (this.text(stream).includes(text)) resolve();
    };
    this.#listeners.push(check);
    check();
    void this.#closed.then(() =>
      reject(new Error(`krt ended without printing "${text}": ${this.text('stdout')}${this.text('stderr')}`)),
    );
    await promise;
    this.#listeners = this.#listeners.filter((each) => each !== check);
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async result(): Promise<KrtResult> {
    const [code, signal] = (await this.#closed) as [number | null, NodeJS.Signals | null];
    const stdoutBytes = Buffer.concat(this.#chunks.stdout);
    const stderrBytes = Buffer.concat(this.#chunks.stderr);
    return {
      code,
      signal,
      stdoutBytes,
      stderrBytes,
      stdout: stdoutBytes.toString('utf8'),
      stderr: stderrBytes.toString('utf8'),
    };
  }
}
