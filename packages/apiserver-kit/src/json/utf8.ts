import {isUtf8} from 'node:buffer';

/** Text of bytes. Each byte that is no part of valid UTF-8 becomes one U+FFFD, as in Go; a byte order mark stays. */
export function decodeUtf8(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at < buffer.length; ) {
    const length = sequenceLength(buffer, at);
    if (length > 0) {
      at += length;
      continue;
    }
    parts.push(buffer.toString('utf8', from, at), '\ufffd');
    from = ++at;
  }
  parts.push(buffer.toString('utf8', from));
  return parts.join('');
}

/** Bytes of the valid character at a place; 0: there is none. @see https://www.unicode.org/versions/Unicode16.0.0/ table 3-7 */
function sequenceLength(buffer: Buffer, at: number): number {
  const first = buffer[at]!;
  if (first < 0x80) return 1;
  let length = 4;
  if (first < 0xe0) length = 2;
  else if (first < 0xf0) length = 3;
  if (first < 0xc2 || first > 0xf4 || at + length > buffer.length) return 0;
  const second = buffer[at + 1]!;
  const [low, high] = secondByteRange(first);
  if (second < low || second > high) return 0;
  for (let index = 2; index < length; index++) {
    const next = buffer[at + index]!;
    if (next < 0x80 || next > 0xbf) return 0;
  }
  return length;
}

function secondByteRange(first: number): readonly [number, number] {
  switch (first) {
    case 0xe0:
      return [0xa0, 0xbf];
    case 0xed:
      return [0x80, 0x9f];
    case 0xf0:
      return [0x90, 0xbf];
    case 0xf4:
      return [0x80, 0x8f];
    default:
      return [0x80, 0xbf];
  }
}
