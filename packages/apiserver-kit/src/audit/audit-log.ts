import {type FileHandle, open} from 'node:fs/promises';
import {encodeJson} from '../json/encode-json.ts';
import {type AuditEntry, auditEvent} from './audit-event.ts';

export interface AuditLogOptions {
  /** A file that is made where it is not there, and appended to where it is. */
  path: string;
  /** What is not written yet may grow to this before {@link AuditLog.room} asks to wait. Default: 4 MiB. */
  highWaterBytes?: number;
  /** Called with an error of the file, such as a full disk; the lines are lost. Default: nothing. */
  onError?: (error: unknown) => void;
}

const HIGH_WATER_BYTES = 4 * 1024 * 1024;

/**
 * The audit log: a line of JSON for each stage of each request, in the order in which they were recorded. Lines are whole: what
 * came while one write was under way goes into the next, in one piece.
 */
export class AuditLog {
  readonly #file: FileHandle;
  readonly #highWaterBytes: number;
  readonly #onError: (error: unknown) => void;
  #pending: string[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;

  private constructor(file: FileHandle, {highWaterBytes = HIGH_WATER_BYTES, onError = () => {}}: AuditLogOptions) {
    this.#file = file;
    this.#highWaterBytes = highWaterBytes;
    this.#onError = onError;
  }

  /** @throws the error of the file system */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    return new AuditLog(await open(options.path, 'a', 0o600), options);
  }

  /** To wait for before the next request is taken, where requests are faster than the disk; undefined where they are not. */
  room(): Promise<void> | undefined {
    return this.#pendingBytes > this.#highWaterBytes ? this.#writing : undefined;
  }

  record(entry: AuditEntry): void {
    const line = `${encodeJson(auditEvent(entry))}\n`;
    this.#pending.push(line);
    this.#pendingBytes += line.length;
    this.#writing ??= this.#write();
  }

  /** Until everything that was recorded is in the file. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  /** Writes what is there and closes the file. */
  async close(): Promise<void> {
    await this.flush();
    await this.#file.close();
  }

  async #write(): Promise<void> {
    // What else is recorded in this turn goes along.
    await Promise.resolve();
    while (this.#pending.length > 0) {
      const text = this.#pending.join('');
      this.#pending = [];
      this.#pendingBytes = 0;
      await this.#file.appendFile(text).catch(this.#onError);
    }
    this.#writing = undefined;
  }
}
