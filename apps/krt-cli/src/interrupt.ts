import {type ExitCode, exitCodes} from './exit-code.ts';

/** Thrown out of whatever was waiting when the user (or the system) asked krt to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: ExitCode;

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`interrupted by ${signal}`);
    this.exitCode = signal === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
  }
}

/** The part of `process` that is needed; injected for tests. */
export interface SignalSource {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  off(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

/**
 * Turns Ctrl-C and SIGTERM into an abort with {@link Interrupted} as its reason, for as long as it is not disposed.
 * While `intercept` is set, the first signal is given to it instead; the next one aborts.
 */
export class InterruptScope implements Disposable {
  readonly #controller = new AbortController();
  readonly #source: SignalSource;
  readonly #listeners: Record<'SIGINT' | 'SIGTERM', () => void>;
  /** Called once instead of aborting. */
  intercept: (() => void) | undefined;

  constructor(source: SignalSource = process) {
    this.#source = source;
    this.#listeners = {SIGINT: () => this.#handle('SIGINT'), SIGTERM: () => this.#handle('SIGTERM')};
    source.on('SIGINT', this.#listeners.SIGINT);
    source.on('SIGTERM', this.#listeners.SIGTERM);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    this.#source.off('SIGINT', this.#listeners.SIGINT);
    this.#source.off('SIGTERM', this.#listeners.SIGTERM);
  }

  #handle(signal: 'SIGINT' | 'SIGTERM'): void {
    const {intercept} = this;
    this.intercept = undefined;
    if (intercept) intercept();
    else this.#controller.abort(new Interrupted(signal));
  }
}
