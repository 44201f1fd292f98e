/** Part of an object: from a first byte on, so many. */
export interface ByteRange {
  offset: number;
  length: number;
}

/**
 * The part that a `Range` header asks for.
 *
 * @returns undefined for the whole object: no header, one that is malformed or asks for several parts, or another unit; `unsatisfiable` where
 *   no byte of it exists
 * @see https://www.rfc-editor.org/rfc/rfc9110.html#section-14.2
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | undefined {
  const [, from, to] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? [];
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined;
  if (from === '') {
    const length = Math.min(Number(to), sizeBytes);
    return length === 0 ? 'unsatisfiable' : {offset: sizeBytes - length, length};
  }
  const offset = Number(from);
  const last = to === '' ? sizeBytes - 1 : Math.min(Number(to), sizeBytes - 1);
  if (to !== '' && Number(to) < offset) return undefined;
  return offset >= sizeBytes ? 'unsatisfiable' : {offset, length: last - offset + 1};
}
