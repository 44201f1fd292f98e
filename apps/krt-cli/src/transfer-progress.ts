import {formatBytes} from './byte-size.ts';
import {formatDuration} from './duration.ts';

const barWidth = 20;
/** The rate is that of the last seconds: what happened long ago says little about when it will be done. */
const windowMs = 5000;

/** Words for the line that is shown while bytes come in. */
export class TransferProgress {
  readonly #name: string;
  readonly #totalBytes: number;
  readonly #samples: {timeMs: number; bytes: number}[] = [];

  constructor(name: string, totalBytes: number) {
    this.#name = name;
    this.#totalBytes = totalBytes;
  }

  /**
   * `data.bin [======>             ]  33% of 2.0 GiB, 85.0 MiB/s, 16s left`
   * @param bytes how many there are, those of an earlier download included
   * @param nowMs monotonic
   */
  describe(bytes: number, nowMs: number): string {
    this.#samples.push({timeMs: nowMs, bytes});
    while (this.#samples.length > 2 && nowMs - (this.#samples[1]?.timeMs ?? nowMs) >= windowMs) this.#samples.shift();
    const share = this.#totalBytes === 0 ? 1 : Math.min(1, bytes / this.#totalBytes);
    const filled = Math.floor(share * barWidth);
    const bar = `${'='.repeat(filled)}${filled < barWidth ? '>' : ''}`.padEnd(barWidth);
    const percent = `${Math.floor(share * 100)}`.padStart(3);
    return `${this.#name} [${bar}] ${percent}% of ${formatBytes(this.#totalBytes)}${this.#rate(bytes, nowMs)}`;
  }

  #rate(bytes: number, nowMs: number): string {
    const [first] = this.#samples;
    if (!first || nowMs - first.timeMs < 500 || bytes <= first.bytes) return '';
    const perSecond = ((bytes - first.bytes) * 1000) / (nowMs - first.timeMs);
    const left = Math.ceil((this.#totalBytes - bytes) / perSecond) * 1000;
    return `, ${formatBytes(Math.round(perSecond))}/s, ${formatDuration(left)} left`;
  }
}
