export type OutputStream = 'stdout' | 'stderr';

/** Bytes that an attempt wrote, at their place in the stream. */
export interface OutputPiece {
  stream: OutputStream;
  /** Offset of the first byte in its stream. */
  offset: number;
  bytes: Uint8Array;
}

export interface TakenPiece {
  /** What was not seen before; a part of the piece after a reconnect. */
  bytes: Uint8Array;
  /** Bytes between the last ones seen and these that nobody will deliver any more. */
  missingBytes: number;
}

/**
 * Remembers how far each stream of one attempt has been read. Logs are read again after a reconnect and printed again by
 * a restarted runtimed, in chunks cut elsewhere: offsets alone say what is new.
 */
export class OutputCursor {
  readonly #next: Record<OutputStream, number> = {stdout: 0, stderr: 0};

  /** Offset of the first byte of `stream` that has not been seen. */
  position(stream: OutputStream): number {
    return this.#next[stream];
  }

  /** How many bytes before `piece` have not been seen. */
  missingBefore(piece: OutputPiece): number {
    return Math.max(0, piece.offset - this.#next[piece.stream]);
  }

  /** @returns the new part of `piece`; undefined when all of it has been seen */
  take(piece: OutputPiece): TakenPiece | undefined {
    const next = this.#next[piece.stream];
    const end = piece.offset + piece.bytes.length;
    if (end <= next) return undefined;
    this.#next[piece.stream] = end;
    if (piece.offset >= next) return {bytes: piece.bytes, missingBytes: piece.offset - next};
    return {bytes: piece.bytes.subarray(next - piece.offset), missingBytes: 0};
  }
}
