import type {Writable} from 'node:stream';
import {type Paint, painter} from '../../terminal.ts';

export interface ScreenStream extends Writable {
  isTTY?: boolean;
}

const WIDTH = 72;

/** What the demo prints: plain lines, with colours where somebody looks at them. */
export class DemoScreen {
  readonly #stream: ScreenStream;
  readonly #paint: Paint;

  constructor(stream: ScreenStream = process.stdout, env: NodeJS.ProcessEnv = process.env) {
    this.#stream = stream;
    this.#paint = painter(stream, env);
  }

  title(name: string, subtitle: string): void {
    this.line(`${this.#paint('bold', name)}  ${subtitle}`);
  }

  heading(text: string): void {
    this.line();
    this.line(this.#paint('bold', text));
  }

  /** A sentence of explanation. */
  say(text: string): void {
    this.line(text);
  }

  line(text = ''): void {
    this.#stream.write(`${text}\n`);
  }

  /** Runs one step and tells how long it took; on a terminal the line stands there from the start. */
  async step<T>(text: string, work: (note: (text: string) => void) => Promise<T>): Promise<T> {
    const started = performance.now();
    const transient = (shown: string): void => {
      if (this.#stream.isTTY) this.#stream.write(`\r\u001B[2K  ${this.#paint('dim', `… ${shown}`.slice(0, WIDTH))}`);
    };
    let last = '';
    transient(text);
    try {
      const result = await work((note) => {
        transient(note);
        // Without a terminal, each note that takes long enough to be asked about is a line.
        if (!this.#stream.isTTY && note !== last) this.line(`    ${note}`);
        last = note;
      });
      this.#finish('green', '✓', text, performance.now() - started);
      return result;
    } catch (error) {
      this.#finish('red', '✗', text, performance.now() - started);
      throw error;
    }
  }

  /** A file that the next command uses. */
  file(name: string, text: string): void {
    this.line(this.#paint('dim', `  ${name}`));
    for (const line of text.trimEnd().split('\n')) this.line(this.#paint('dim', `  │ `) + this.#paint('cyan', line));
  }

  command(text: string): void {
    this.line(`  ${this.#paint('dim', '$')} ${this.#paint('bold', text)}`);
  }

  /** What a command printed. */
  output(text: string): void {
    const trimmed = text.replace(/\n+$/, '');
    if (trimmed === '') return;
    for (const line of trimmed.split('\n')) this.line(`  ${line}`);
  }

  #finish(color: 'green' | 'red', mark: string, text: string, ms: number): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001B[2K');
    const seconds = `${(ms / 1000).toFixed(1)} s`;
    this.line(`  ${this.#paint(color, mark)} ${text.padEnd(WIDTH - 14)} ${this.#paint('dim', seconds.padStart(7))}`);
  }
}
