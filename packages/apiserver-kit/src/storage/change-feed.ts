import {type StorageChange, StorageError} from './storage.ts';

/** Where a feed reads what its reader was not there for. */
export interface ChangeSource {
  /** Revision of the last change that may be given away. */
  head(): number;
  /** Changes after this revision are kept. */
  oldest(): number;
  /** Changes after a revision and up to the head, in order; at least one where there are some, and not so many that memory suffers. */
  read(after: number): readonly StorageChange[];
}

interface Reader {
  position: number;
  wake: (() => void) | undefined;
  /** Handed over without another look at the source. */
  batch: readonly StorageChange[] | undefined;
}

/**
 * Gives the changes of one resource to all who read them. It holds nothing for slow readers: one that waits is handed the new batch,
 * one that is busy reads from the source what it missed.
 */
export class ChangeFeed {
  readonly #source: ChangeSource;
  readonly #readers = new Set<Reader>();
  #closed: StorageError | undefined;

  constructor(source: ChangeSource) {
    this.#source = source;
  }

  /** To be called when the source has new changes; `batch` ends with its head. */
  publish(batch: readonly StorageChange[]): void {
    const first = batch[0];
    if (first === undefined) return;
    for (const reader of this.#readers) {
      if (reader.wake === undefined) continue;
      if (reader.position === first.revision - 1) reader.batch = batch;
      reader.wake();
    }
  }

  /** Lets all readers look again: their changes are gone. */
  reset(): void {
    for (const reader of this.#readers) reader.wake?.();
  }

  /** Ends all readers with an error. */
  close(error: StorageError): void {
    this.#closed = error;
    this.reset();
  }

  /** @throws StorageError `COMPACTED`, and that of {@link close} */
  async *read(after: number, signal: AbortSignal): AsyncGenerator<readonly StorageChange[], void, undefined> {
    const reader: Reader = {position: after, wake: undefined, batch: undefined};
    this.#readers.add(reader);
    const onAbort = (): void => reader.wake?.();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        if (this.#closed !== undefined) throw this.#closed;
        const batch = reader.batch ?? this.#missed(reader.position);
        reader.batch = undefined;
        if (batch.length > 0) {
          reader.position = batch.at(-1)!.revision;
          yield batch;
        } else {
          await new Promise<void>((resolve) => {
            reader.wake = resolve;
          });
          reader.wake = undefined;
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#readers.delete(reader);
    }
  }

  #missed(position: number): readonly StorageChange[] {
    if (position < this.#source.oldest())
      throw new StorageError('COMPACTED', `changes after revision ${position} are not kept any more`);
    return position < this.#source.head() ? this.#source.read(position) : [];
  }
}
