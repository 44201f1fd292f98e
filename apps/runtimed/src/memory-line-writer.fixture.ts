import {silentLogger, systemClock} from '@kruntimes/reconciler-kit';
import {LineWriter} from './line-writer.ts';

/** Keeps lines in memory and finishes each write at once. */
export class MemoryLineWriter extends LineWriter {
  readonly lines: string[] = [];

  constructor() {
    super({fd: -1, clock: systemClock, logger: silentLogger});
  }

  override async write(lines: readonly string[]): Promise<void> {
    this.lines.push(...lines);
  }
}
