import {mkdirSync, realpathSync} from 'node:fs';
import {readdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {type Logger, silentLogger} from '@kruntimes/reconciler-kit';
import {LogSpool} from './log-spool.ts';

/** Longest log that is spooled; enough for 64 MiB of each stream, base64 included. */
const logLimitBytes = 256 * 1024 * 1024;
const logSuffix = '.log';

export interface SpoolDirectoryOptions {
  path: string;
  /** `maxBytesPerRun` of the artifact store: a log that is larger could not be stored. */
  maxBytesPerRun?: number | undefined;
  logger?: Logger;
}

/** The directory where runtimed puts down what it is going to store. No program reaches it: only runtimed mounts it. */
export class SpoolDirectory {
  readonly path: string;
  readonly #maxLogBytes: number;
  readonly #logger: Logger;

  private constructor(path: string, {maxBytesPerRun = logLimitBytes, logger = silentLogger}: SpoolDirectoryOptions) {
    this.path = path;
    this.#maxLogBytes = Math.min(logLimitBytes, maxBytesPerRun);
    this.#logger = logger;
  }

  /** Opens the directory and makes it if need be. */
  static open(options: SpoolDirectoryOptions): SpoolDirectory {
    mkdirSync(options.path, {recursive: true, mode: 0o700});
    return new SpoolDirectory(realpathSync(options.path), options);
  }

  /** The log of an attempt; see `Attempt.key`. */
  log(key: string): LogSpool {
    return new LogSpool({
      path: join(this.path, `${key}${logSuffix}`),
      maxBytes: this.#maxLogBytes,
      logger: this.#logger,
    });
  }

  /** Removes what earlier processes left, except for attempts that are under way. Never throws. */
  async sweep(isActive: (key: string) => boolean): Promise<void> {
    try {
      const names = await readdir(this.path);
      const orphans = names.filter((name) => !(name.endsWith(logSuffix) && isActive(name.slice(0, -logSuffix.length))));
      await Promise.all(orphans.map((name) => rm(join(this.path, name), {recursive: true, force: true})));
    } catch (error) {
      this.#logger.error('spool not swept', {path: this.path, error});
    }
  }
}
