/**
 * Text that fits: the API server refuses a whole status for one string that is too long or not UTF-8, and a refused terminal status would
 * leave a Run without an end.
 */
import {Buffer} from 'node:buffer';
import {isContinuation} from './utf8.ts';

const replacement = '\uFFFD';

/** The longest beginning of `text` that is at most `maxBytes` long in UTF-8; lone surrogates are replaced. */
export function headBytes(text: string, maxBytes: number): string {
  // A UTF-16 unit is at least one byte, so that more of them than maxBytes are never needed.
  const bytes = Buffer.from(text.slice(0, maxBytes + 1).toWellFormed(), 'utf8');
  if (bytes.length <= maxBytes && text.length <= maxBytes) {
    return bytes.toString('utf8');
  }
  let end = Math.min(maxBytes, bytes.length);
  while (end > 0 && isContinuation(bytes[end])) {
    end -= 1;
  }
  return bytes.toString('utf8', 0, end);
}

/** The longest end of `text` that is at most `maxBytes` long in UTF-8; lone surrogates are replaced. */
export function tailBytes(text: string, maxBytes: number): string {
  return outputTail(Buffer.from(text.slice(-maxBytes - 1).toWellFormed(), 'utf8'), maxBytes);
}

/**
 * The end of what a program wrote, as valid UTF-8 of at most `maxBytes`. Bytes that are not UTF-8 become U+FFFD, which is longer than they
 * were; the beginning gives way.
 */
export function outputTail(output: Uint8Array, maxBytes: number): string {
  const bytes = Buffer.from(output.buffer, output.byteOffset, output.byteLength);
  let start = Math.max(0, bytes.length - maxBytes);
  // Do not begin in the middle of a character that was cut here; at most three bytes, the rest is not UTF-8 anyway.
  for (let skipped = 0; start > 0 && skipped < 3 && isContinuation(bytes[start]); skipped += 1) {
    start += 1;
  }
  const text = bytes.toString('utf8', start);
  if (!text.includes(replacement)) {
    return text;
  }
  const encoded = Buffer.from(text, 'utf8');
  let from = Math.max(0, encoded.length - maxBytes);
  while (from < encoded.length && isContinuation(encoded[from])) {
    from += 1;
  }
  return encoded.toString('utf8', from);
}
