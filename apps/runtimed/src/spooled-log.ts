import type {LogSink} from './log-sink.ts';
import type {LogSpool} from './log-spool.ts';

/** A log that is printed and spooled. What is written is in both, so that an output may be forgotten by its server. */
export class SpooledLog implements LogSink {
  readonly #printed: LogSink;
  readonly #spool: LogSpool;

  constructor(printed: LogSink, spool: LogSpool) {
    this.#printed = printed;
    this.#spool = spool;
  }

  async write(lines: readonly string[]): Promise<void> {
    await Promise.all([this.#printed.write(lines), this.#spool.write(lines)]);
  }

  async end(lines: readonly string[]): Promise<void> {
    await Promise.all([this.#printed.end(lines), this.#spool.end(lines)]);
  }
}
