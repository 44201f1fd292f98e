import type {Clock, Timer} from '@kruntimes/reconciler-kit';
import {truncateToWidth} from './display-width.ts';
import {formatDuration} from './duration.ts';
import {painter, type Terminal} from './terminal.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;
/** A Run that ends sooner shows no line: it would only flicker. */
const firstFrameMs = 200;
const eraseLine = '\r\u001b[2K';

/** One line on stderr that says what krt waits for; nothing at all where stderr is no terminal. */
export class ProgressLine implements Disposable {
  readonly #terminal: Terminal;
  readonly #clock: Clock;
  readonly #enabled: boolean;
  readonly #startedMs: number;
  #text = '';
  #frame = 0;
  #shown = false;
  #timer: Timer | undefined;

  constructor(terminal: Terminal, clock: Clock, options: {quiet?: boolean} = {}) {
    this.#terminal = terminal;
    this.#clock = clock;
    this.#enabled = Boolean(terminal.stderr.isTTY) && terminal.env.TERM !== 'dumb' && !options.quiet;
    this.#startedMs = clock.monotonic();
  }

  /** Shows `text` from now on. */
  update(text: string): void {
    if (!this.#enabled) return;
    this.#text = text;
    if (this.#shown) this.#draw();
    else this.#timer ??= this.#clock.setTimeout(() => this.#tick(), firstFrameMs);
  }

  /** Removes the line. A later `update` shows it again. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#shown) this.#terminal.stderr.write(eraseLine);
    this.#shown = false;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #tick(): void {
    this.#frame = (this.#frame + 1) % frames.length;
    this.#draw();
    this.#timer = this.#clock.setTimeout(() => this.#tick(), frameMs);
  }

  #draw(): void {
    this.#shown = true;
    const paint = painter(this.#terminal.stderr, this.#terminal.env);
    const elapsed = formatDuration(Math.floor((this.#clock.monotonic() - this.#startedMs) / 1000) * 1000);
    const columns = (this.#terminal.stderr.columns ?? 80) - 1;
    const text = truncateToWidth(this.#text, Math.max(10, columns - 3 - elapsed.length));
    this.#terminal.stderr.write(
      `${eraseLine}${paint('cyan', frames[this.#frame] ?? '')} ${text} ${paint('dim', elapsed)}`,
    );
  }
}
