import type {Readable} from 'node:stream';
import {ArtifactStoreError} from './errors.ts';

/** @throws ArtifactStoreError `ABORTED` with the reason of the signal as its cause */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortedError(signal);
}

/** Destroys a stream when the signal is aborted, until the stream has ended. */
export function destroyOnAbort<T extends Readable>(stream: T, signal: AbortSignal | undefined): T {
  if (signal === undefined) return stream;
  const abort = (): void => void stream.destroy(abortedError(signal));
  if (signal.aborted) abort();
  else {
    signal.addEventListener('abort', abort);
    stream.once('close', () => signal.removeEventListener('abort', abort));
  }
  return stream;
}

function abortedError(signal: AbortSignal): ArtifactStoreError {
  return new ArtifactStoreError('ABORTED', 'the operation was aborted', {cause: signal.reason});
}
