/**
 * Where characters begin and end in bytes. `Buffer` decodes and `isUtf8` judges, but neither tells *where* bytes stop being UTF-8, nor an
 * unfinished character from a wrong one.
 *
 * @see https://www.unicode.org/versions/Unicode15.0.0/ch03.pdf table 3-7, well-formed UTF-8 byte sequences
 */

/** Whether `byte` continues a character. */
export function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** Length of the character that begins with `lead`; 0 if none does. */
function lengthAfter(lead: number): number {
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xc2 || lead > 0xf4) {
    return 0;
  }
  if (lead < 0xe0) {
    return 2;
  }
  return lead < 0xf0 ? 3 : 4;
}

/** The second byte is narrower after these leads: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
function isSecond(lead: number, byte: number): boolean {
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  return byte >= low && byte <= high;
}

/** Length of the character at `start`; 0 if there is none, -1 if it is not finished at `end`. */
function characterAt(bytes: Uint8Array, start: number, end: number): number {
  const lead = bytes[start] ?? 0;
  const length = lengthAfter(lead);
  for (let index = 1; index < length; index += 1) {
    if (start + index >= end) {
      return -1;
    }
    const byte = bytes[start + index] ?? 0;
    if (index === 1 ? !isSecond(lead, byte) : !isContinuation(byte)) {
      return 0;
    }
  }
  return length;
}

/** The end of the longest run of whole characters from `start`; it is `end` if all of it is UTF-8. */
export function validEnd(bytes: Uint8Array, start: number, end: number): number {
  let position = start;
  while (position < end) {
    const length = characterAt(bytes, position, end);
    if (length <= 0) {
      return position;
    }
    position += length;
  }
  return position;
}

/** Where an unfinished character at the end of `bytes` begins; `bytes.length` if there is none. */
export function unfinishedStart(bytes: Uint8Array): number {
  for (let start = bytes.length - 1; start >= 0 && start >= bytes.length - 3; start -= 1) {
    if (!isContinuation(bytes[start])) {
      return characterAt(bytes, start, bytes.length) < 0 ? start : bytes.length;
    }
  }
  return bytes.length;
}
