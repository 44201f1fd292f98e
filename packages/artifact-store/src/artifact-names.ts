/** Longest name, in bytes: the bound of Linux filesystems. */
const MAX_NAME_BYTES = 255;
const MAX_PRINTED_BYTES = 300;

/** Why bytes cannot be a name in an archive; undefined if they can. */
export function entryNameProblem(bytes: Buffer): string | undefined {
  const name = bytes.toString();
  if (!Buffer.from(name).equals(bytes)) return 'the name is not UTF-8';
  if (/\p{Cc}/u.test(name)) return 'the name contains a control character';
  return undefined;
}

/** Why bytes cannot be the name of an item; undefined if they can. */
export function itemNameProblem(bytes: Buffer): string | undefined {
  if (bytes.length === 0) return 'the name is empty';
  if (bytes.length > MAX_NAME_BYTES) return `the name is longer than ${MAX_NAME_BYTES} bytes`;
  if (bytes[0] === 0x2e) return 'the name begins with a dot';
  return entryNameProblem(bytes);
}

/** A name, or a path, as it can be printed: what is no text, or steers a terminal, is escaped; the end of a long one is left out. */
export function printable(name: string | Buffer): string {
  const bytes = Buffer.from(name);
  const text = Buffer.from(bytes.toString()).equals(bytes) ? bytes.toString() : escapedBytes(bytes);
  const escaped = text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  );
  return escaped.length <= MAX_PRINTED_BYTES ? escaped : `${escaped.slice(0, MAX_PRINTED_BYTES).toWellFormed()}…`;
}

function escapedBytes(bytes: Buffer): string {
  return Array.from(bytes, (byte) =>
    byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
  ).join('');
}
