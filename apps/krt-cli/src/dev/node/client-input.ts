import {PassThrough, type Readable} from 'node:stream';
import {type TerminalSize, terminalSize} from './remote-streams.ts';
import {drained} from './stream-drained.ts';

const PING_MS = 1_000;
const MAX_SIZE_BYTES = 1_024;

/** What a client sends to a command: its input and the sizes of its terminal. Memory is bounded by holding the client up. */
export class ClientInput {
  readonly stdin: Readable | undefined;
  readonly #stdin: PassThrough | undefined;
  readonly #ping: () => void;
  #sizeText = '';
  #size: TerminalSize | undefined;
  #onResize: ((size: TerminalSize) => void) | undefined;

  /** @param ping sends the client something, so that it is noticed when it is gone */
  constructor(wantsStdin: boolean, ping: () => void) {
    this.#ping = ping;
    this.#stdin = wantsStdin ? new PassThrough() : undefined;
    this.#stdin?.on('error', () => {});
    this.stdin = this.#stdin;
  }

  /** Resolves when more may come. */
  async write(bytes: Buffer): Promise<void> {
    const stdin = this.#stdin;
    if (stdin === undefined || !stdin.writable || stdin.write(bytes)) return;
    // While nothing is read from the connection, its end is not seen either.
    const pings = setInterval(this.#ping, PING_MS);
    await drained(stdin);
    clearInterval(pings);
  }

  end(): void {
    this.#stdin?.end();
  }

  /** Nobody reads it any more. */
  destroy(): void {
    this.#stdin?.destroy();
  }

  /** Takes sizes as they come: JSON objects, in pieces or several at once. */
  resize(bytes: Buffer): void {
    const parts = `${this.#sizeText}${bytes.toString('latin1')}`.split(/(?<=\})/);
    const last = parts.at(-1) ?? '';
    this.#sizeText = last.endsWith('}') ? '' : last.slice(0, MAX_SIZE_BYTES);
    for (const part of parts) {
      const size = part.endsWith('}') ? terminalSize(part) : undefined;
      if (size === undefined) continue;
      this.#size = size;
      this.#onResize?.(size);
    }
  }

  onResize(listener: (size: TerminalSize) => void): void {
    this.#onResize = listener;
    if (this.#size !== undefined) listener(this.#size);
  }
}
