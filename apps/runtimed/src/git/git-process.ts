import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process';
import type {Readable} from 'node:stream';
import {RuntimedError, systemErrorCode} from '../errors.ts';

export interface GitCommand {
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string;
  /** What git reads from its standard input; nothing if absent. */
  input?: Iterable<string>;
  /** No file that git writes may be larger; git dies of it. */
  maxFileBytes: number;
  signal: AbortSignal;
}

export interface GitResult {
  readonly stdout: Buffer;
  /** The end of what git wrote there. */
  readonly stderr: string;
  /** `undefined` when a signal ended it. */
  readonly exitCode: number | undefined;
  /** Whether it failed because a file grew larger than `maxFileBytes`. */
  readonly tooLarge: boolean;
}

/** Address space of one git process. What a hostile pack can make it take is bounded by this. */
const memoryBytes = 3 << 30;
const stderrBytes = 8 << 10;
/** For git to remove its temporary files before it is killed. */
const termGraceMs = 1_000;

/**
 * The limits are the kernel's: they hold for git's own children too. Blocks are of 512 bytes, memory in KiB. Signal 25
 * (SIGXFSZ) is ignored, so that git says what happened instead of dying without a word.
 */
const limited = 'trap "" 25; ulimit -v "$1" 2>/dev/null; ulimit -f "$2" && shift 2 && exec git "$@"';

/** A running git in a process group of its own. */
export class GitProcess {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #exit: Promise<number | null>;
  #stderr = Buffer.alloc(0);
  #termination: NodeJS.Timeout | undefined;

  constructor({args, env, cwd, input = [], maxFileBytes, signal}: GitCommand) {
    signal.throwIfAborted();
    const sizes = [Math.floor(memoryBytes / 1024), Math.max(1, Math.ceil(maxFileBytes / 512))].map(String);
    const child = spawn('/bin/sh', ['-c', limited, 'sh', ...sizes, ...args], {cwd, env, detached: true});
    this.#child = child;
    const stop = (): void => this.#stop();
    signal.addEventListener('abort', stop, {once: true});
    this.#exit = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => {
        signal.removeEventListener('abort', stop);
        clearTimeout(this.#termination);
        // Its helpers end with it, after they have said why; whoever stays has nothing more to do.
        const straggler = setTimeout(() => this.#kill('SIGKILL'), termGraceMs);
        child.once('close', () => {
          clearTimeout(straggler);
          resolve(code);
        });
      });
    });
    this.#exit.catch(() => {});
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr = Buffer.concat([this.#stderr, chunk]).subarray(-stderrBytes);
    });
    // A git that ends early reads no more, and says on stderr why.
    child.stdin.on('error', () => {});
    void feed(child, input);
  }

  get stdout(): Readable {
    return this.#child.stdout;
  }

  /** Ends it at once. */
  kill(): void {
    this.#kill('SIGKILL');
  }

  /**
   * Waits for its end. `stdout` must be read to its end by others.
   *
   * @throws RuntimedError `GIT_FAILED` when there is no git
   */
  async ended(): Promise<Omit<GitResult, 'stdout'>> {
    try {
      const code = await this.#exit;
      const stderr = this.#stderr.toString();
      if (code === 127 && stderr.includes('git')) throw noGit();
      const tooLarge = code !== 0 && stderr.includes('File too large');
      return {stderr, exitCode: code ?? undefined, tooLarge};
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') throw noGit(error);
      throw error;
    }
  }

  #stop(): void {
    this.#kill('SIGTERM');
    // Not by the injected clock: it is about a process of the operating system.
    this.#termination = setTimeout(() => this.#kill('SIGKILL'), termGraceMs);
  }

  #kill(signal: NodeJS.Signals): void {
    const {pid} = this.#child;
    if (pid === undefined) return;
    try {
      process.kill(-pid, signal);
    } catch {
      // The group is gone.
    }
  }
}

/**
 * Runs git to its end.
 *
 * @param maxOutputBytes more than this on standard output ends it
 * @throws RuntimedError `GIT_FAILED` when there is no git or it writes too much; the signal's reason when it is aborted
 */
export async function runGit(command: GitCommand, maxOutputBytes: number): Promise<GitResult> {
  const git = new GitProcess(command);
  const chunks: Buffer[] = [];
  let bytes = 0;
  git.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxOutputBytes) git.kill();
    else chunks.push(chunk);
  });
  const end = await git.ended();
  command.signal.throwIfAborted();
  await finished(git.stdout);
  if (bytes > maxOutputBytes) {
    throw new RuntimedError('SOURCE_TOO_LARGE', `git ${command.args[0]} wrote more than ${maxOutputBytes} bytes`);
  }
  return {...end, stdout: Buffer.concat(chunks)};
}

/** Resolves when all was read, also of a stream that is at its end already. */
async function finished(stream: Readable): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return;
  await new Promise<void>((resolve) => stream.once('close', resolve));
}

async function feed({stdin}: ChildProcessWithoutNullStreams, input: Iterable<string>): Promise<void> {
  for (const text of input) {
    if (stdin.destroyed) return;
    if (!stdin.write(text)) {
      await new Promise<void>((resolve) => {
        stdin.once('drain', resolve);
        stdin.once('close', resolve);
      });
    }
  }
  stdin.end();
}

function noGit(cause?: unknown): RuntimedError {
  return new RuntimedError('GIT_FAILED', 'there is no git in the image of runtimed', {cause});
}
