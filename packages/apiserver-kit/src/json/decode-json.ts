import {JsonReader} from './json-reader.ts';
import type {JsonValue} from './json-value.ts';
import {decodeUtf8} from './utf8.ts';

/** A decoded document. */
export interface Decoded {
  value: JsonValue;
  /**
   * Sentences on members that stand there more than once, as strict field validation says them: `duplicate field "spec.x"` for each of
   * a JSON document; one for all of a YAML document. The last of the members counts.
   */
  duplicates: string[];
}

/**
 * Decodes JSON without losing anything: integers of 64 bits, and which members stand there twice. Invalid UTF-8 becomes U+FFFD.
 *
 * @throws DecodeError in the words of Go's encoding/json
 */
export function decodeJson(document: string | Uint8Array): Decoded {
  return new JsonReader(typeof document === 'string' ? document : decodeUtf8(document)).read();
}
