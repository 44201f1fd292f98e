import type {Writable} from 'node:stream';

/** Resolves when a stream takes more, or never will. */
export async function drained(stream: Writable): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.once('drain', done);
    stream.once('close', done);
    if (stream.destroyed || !stream.writableNeedDrain) done();
  });
}
