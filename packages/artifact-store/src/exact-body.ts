import {createHash} from 'node:crypto';
import type {Readable} from 'node:stream';
import {throwIfAborted} from './aborted.ts';
import {ArtifactStoreError} from './errors.ts';
import {errorMessage} from './failure.ts';

/** A stream of a known length that is hashed while it is read. */
export class ExactBody {
  readonly #body: Readable;
  readonly #hash = createHash('sha256');
  readonly sizeBytes: number;

  constructor(body: Readable, sizeBytes: number) {
    this.#body = body;
    this.sizeBytes = sizeBytes;
  }

  /**
   * The bytes, `sizeBytes` of them. Ends at once when the signal is aborted, even where the stream is silent. The stream is destroyed
   * unless it was read to its end.
   *
   * @throws ArtifactStoreError `SOURCE_FAILED`, `ABORTED`
   */
  async *chunks(signal: AbortSignal | undefined): AsyncGenerator<Buffer, void, undefined> {
    const body = this.#body;
    const abort = (): void => void body.destroy();
    signal?.addEventListener('abort', abort);
    try {
      throwIfAborted(signal);
      let read = 0;
      for await (const piece of body) {
        throwIfAborted(signal);
        const chunk = bytesOf(piece);
        read += chunk.length;
        if (read > this.sizeBytes) throw this.#wrongLength(`more than the ${this.sizeBytes} bytes`);
        this.#hash.update(chunk);
        yield chunk;
      }
      throwIfAborted(signal);
      if (read < this.sizeBytes) throw this.#wrongLength(`${read} of the ${this.sizeBytes} bytes`);
    } catch (error) {
      throwIfAborted(signal);
      if (error instanceof ArtifactStoreError) throw error;
      throw new ArtifactStoreError('SOURCE_FAILED', `what was to be stored cannot be read: ${errorMessage(error)}`, {
        cause: error,
      });
    } finally {
      signal?.removeEventListener('abort', abort);
      discard(body);
    }
  }

  /** Of everything that {@link chunks} yielded. To be called once. */
  digest(): string {
    return `sha256:${this.#hash.digest('hex')}`;
  }

  #wrongLength(found: string): ArtifactStoreError {
    return new ArtifactStoreError('SOURCE_FAILED', `what was to be stored has ${found} that were announced`);
  }
}

/** Destroys a stream that is not wanted any more, with whatever it has to say about that. */
export function discard(body: Readable): void {
  body.once('error', () => {}).destroy();
}

function bytesOf(piece: unknown): Buffer {
  if (typeof piece === 'string') return Buffer.from(piece);
  if (ArrayBuffer.isView(piece)) return Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
  throw new ArtifactStoreError('SOURCE_FAILED', 'what was to be stored is a stream of objects, not of bytes');
}
