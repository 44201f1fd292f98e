/**
 * Why something was not collected.
 *
 * - `NAME_INVALID`: not a name that an item or an entry of an archive may have.
 * - `NAME_TAKEN`: reserved, or there is something with the name that the archive would get.
 * - `NOT_A_FILE`: a symlink, FIFO, socket or device.
 * - `TOO_LARGE`: it, or it and what was collected before, is more than `maxBytes`; or it is an archive of more than `maxUnpackedBytes`.
 * - `TOO_MANY`: there are more than `maxEntries`.
 * - `TOO_DEEP`: a directory nested deeper than `maxDepth`.
 * - `CHANGED`: it was changed or replaced while it was being read.
 * - `UNREADABLE`: the operating system did not let it be read.
 * - `SPOOL_FAILED`: the archive could not be spooled: the disk is full, for one.
 */
export type RejectionCode =
  | 'NAME_INVALID'
  | 'NAME_TAKEN'
  | 'NOT_A_FILE'
  | 'TOO_LARGE'
  | 'TOO_MANY'
  | 'TOO_DEEP'
  | 'CHANGED'
  | 'UNREADABLE'
  | 'SPOOL_FAILED';

export interface Rejection {
  /** Of an item, or `item/path` of an entry that was left out of an archive. Printable: other characters are escaped. */
  name: string;
  code: RejectionCode;
  /** A clause for people, as in `a symbolic link`. */
  reason: string;
}

/** Thrown where something cannot be collected, caught where the rest goes on. */
export class Rejected extends Error {
  override readonly name = 'Rejected';
  readonly code: RejectionCode;

  constructor(code: RejectionCode, reason: string, options: ErrorOptions = {}) {
    super(reason, options);
    this.code = code;
  }
}
