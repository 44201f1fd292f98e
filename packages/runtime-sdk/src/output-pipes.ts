import {execFile, execFileSync} from 'node:child_process';
import {closeSync, constants, mkdirSync, openSync, rmSync, unlinkSync} from 'node:fs';
import {Socket} from 'node:net';
import {join} from 'node:path';
import type {Readable} from 'node:stream';
import {promisify} from 'node:util';
import {systemErrorCode} from './errors.ts';
import type {Logger} from './logger.ts';

/** How many pipes one call of mkfifo makes. */
const batch = 256;

/** One pipe for the output of a program. */
export interface OutputPipe {
  /** The server's end. */
  readonly readable: Readable;
  /** The program's end, to be closed once the program has it. */
  readonly writeFd: number;
  /** What `/proc/<pid>/fd` shows for it. */
  readonly link: string;
}

/**
 * Makes real pipes. Node gives its children socket pairs instead, on which `echo failed > /dev/stderr` fails with "No
 * such device or address", since a socket can't be opened by name. A named pipe that is opened at both ends and then
 * removed is an ordinary pipe. They are made many at a time, ahead of need.
 */
export class OutputPipes {
  readonly #places: readonly string[];
  readonly #logger: Logger;
  readonly #paths: string[] = [];
  #directory: string | undefined;
  #made = 0;
  #filling: Promise<void> | undefined;
  #unavailable = false;

  private constructor(places: readonly string[], logger: Logger) {
    this.#places = places;
    this.#logger = logger;
  }

  /**
   * @param places directories to make, the first one that can be; what an earlier server left there is removed
   */
  static async create(places: readonly string[], logger: Logger): Promise<OutputPipes> {
    const pipes = new OutputPipes(places, logger);
    pipes.#makeDirectory();
    await pipes.#fill();
    return pipes;
  }

  /**
   * A new pipe; undefined where named pipes can't be made, so that socket pairs must do.
   *
   * @throws the error of the operating system when no more files can be opened
   */
  take(): OutputPipe | undefined {
    if (this.#paths.length === 0) this.#makeNow();
    try {
      return this.#openNext();
    } catch (error) {
      if (['EMFILE', 'ENFILE'].includes(systemErrorCode(error) ?? '')) throw error;
      // A program removed the directory, as `rm -rf /tmp/*` does.
      this.#paths.length = 0;
      this.#makeDirectory();
      this.#makeNow();
      return this.#openNext();
    }
  }

  async close(): Promise<void> {
    this.#unavailable = true;
    this.#paths.length = 0;
    await this.#filling;
    if (this.#directory !== undefined) rmSync(this.#directory, {recursive: true, force: true});
  }

  #openNext(): OutputPipe | undefined {
    const path = this.#paths.shift();
    if (path === undefined) return undefined;
    if (this.#paths.length < batch / 2) void this.#fill();
    let readFd: number | undefined;
    try {
      // Opening the writing end waits for a reader, so the reading end comes first; it waits for nobody.
      readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const writeFd = openSync(path, constants.O_WRONLY);
      return {readable: new Socket({fd: readFd, readable: true, writable: false}), writeFd, link: `${path} (deleted)`};
    } catch (error) {
      if (readFd !== undefined) closeSync(readFd);
      throw error;
    } finally {
      unlink(path);
    }
  }

  async #fill(): Promise<void> {
    if (this.#unavailable) return;
    this.#filling ??= this.#make().finally(() => {
      this.#filling = undefined;
    });
    await this.#filling;
  }

  async #make(): Promise<void> {
    const names = this.#nextNames();
    try {
      await promisify(execFile)('mkfifo', ['-m', '600', ...names]);
      if (!this.#unavailable) this.#paths.push(...names);
    } catch (error) {
      this.#failed(error);
    }
  }

  #makeNow(): void {
    if (this.#unavailable) return;
    const names = this.#nextNames();
    try {
      execFileSync('mkfifo', ['-m', '600', ...names]);
      this.#paths.push(...names);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Names in the directory of the present moment. */
  #nextNames(): string[] {
    return Array.from({length: batch}, () => join(this.#directory ?? '', String(++this.#made)));
  }

  /** An empty directory in the first place where that is possible. */
  #makeDirectory(): void {
    let reason: unknown;
    for (const place of this.#places) {
      try {
        rmSync(place, {recursive: true, force: true});
        mkdirSync(place, {mode: 0o700});
        this.#directory = place;
        return;
      } catch (error) {
        reason = error;
      }
    }
    this.#failed(reason);
  }

  #failed(error: unknown): void {
    if (this.#unavailable) return;
    this.#unavailable = true;
    this.#logger.warn('no named pipes here: programs that open /dev/stdout or /dev/stderr will fail', {error});
  }
}

function unlink(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It is gone already.
  }
}
