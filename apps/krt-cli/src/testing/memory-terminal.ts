import {PassThrough, Writable} from 'node:stream';
import type {Terminal} from '../terminal.ts';

/** A terminal that keeps what is written to it. */
export class MemoryTerminal implements Terminal {
  readonly stdin = new PassThrough();
  readonly stdout: Writable & {isTTY?: boolean; columns?: number};
  readonly stderr: Writable & {isTTY?: boolean; columns?: number};
  readonly env: NodeJS.ProcessEnv;
  readonly #written = {stdout: [] as Buffer[], stderr: [] as Buffer[]};

  constructor(options: {isTTY?: boolean; columns?: number; env?: NodeJS.ProcessEnv} = {}) {
    this.env = options.env ?? {};
    const stream = (name: 'stdout' | 'stderr'): Writable =>
      new Writable({
        write: (chunk: Buffer, _encoding, done) => {
          this.#written[name].push(Buffer.from(chunk));
          done();
        },
      });
    const look = {isTTY: options.isTTY ?? false, columns: options.columns ?? 80};
    this.stdout = Object.assign(stream('stdout'), look);
    this.stderr = Object.assign(stream('stderr'), look);
  }

  bytes(name: 'stdout' | 'stderr'): Buffer {
    return Buffer.concat(this.#written[name]);
  }

  text(name: 'stdout' | 'stderr'): string {
    return this.bytes(name).toString('utf8');
  }
}
