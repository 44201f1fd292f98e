import {Buffer} from 'node:buffer';
import {DecodeError} from './decode-error.ts';
import {JsonReader} from './json-reader.ts';
import type {JsonValue} from './json-value.ts';
import {decodeUtf8} from './utf8.ts';

/** A decoded document. */
export interface Decoded {
  value: JsonValue;
  /**
   * On members that stand there more than once, of which the last counts: one text each, as a warning has it. `duplicate field "spec.x"`
   * of JSON, `line 7: key "x" already set in map` of YAML.
   */
  duplicates: string[];
  /** All of {@link duplicates} in the form in which strict field validation refuses them; empty: there are none. */
  duplicatesText: string;
}

/**
 * Decodes JSON without losing anything: integers of 64 bits, and which members stand there twice. Invalid UTF-8 becomes U+FFFD.
 *
 * @throws DecodeError in the words of Go's encoding/json
 */
export function decodeJson(document: string | Uint8Array): Decoded {
  const text = typeof document === 'string' ? document : decodeUtf8(document);
  try {
    return new JsonReader(text).read();
  } catch (error) {
    if (!(error instanceof DecodeError) || error.code !== 'SYNTAX') throw error;
    // Go complains of single bytes: read as Latin-1, each is a character, and the mistake is the same.
    const bytes = typeof document === 'string' ? Buffer.from(document) : document;
    return new JsonReader(Buffer.from(bytes).toString('latin1')).read();
  }
}
