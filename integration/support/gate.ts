import {execFileSync} from 'node:child_process';
import {closeSync, openSync} from 'node:fs';

/** A gate that any number of programs wait at, without using the machine meanwhile. */
export class Gate implements Disposable {
  readonly #path: string;
  #fd: number | undefined;

  /** @param path of a FIFO that is made here */
  constructor(path: string) {
    this.#path = path;
    execFileSync('mkfifo', [path]);
  }

  /** The line of a script that waits until the gate is open: opening a FIFO waits for its other end. */
  get wait(): string {
    return `: < '${this.#path}'`;
  }

  /** Lets everybody pass who waits, and everybody who comes until it is disposed of. */
  open(): void {
    this.#fd ??= openSync(this.#path, 'r+');
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
  }
}
