/** Text as Go's `%q` shows it. @see https://pkg.go.dev/strconv#Quote */
export function goQuote(text: string): string {
  if (!needsEscape.test(text)) return `"${text}"`;
  return `"${Array.from(text, escaped).join('')}"`;
}

const needsEscape = /["\\]|[^\x20-\x7e\p{L}\p{N}]/u;
/** Escape sequences of one letter in Go's and in CEL's literals, by the character that they stand for. */
export const shortEscapes: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function escaped(character: string): string {
  const short = shortEscapes[character];
  if (short !== undefined) return short;
  if (character === ' ' || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  return code < 0x1_0000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

/** A double as Go's `%v` shows it: with an exponent from a million on. Whole numbers that came as such are integers: see {@link goNumber}. */
export function goDouble(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return Object.is(value, -0) ? '-0' : String(value);
  const [digits = '', exponent = '0'] = value.toExponential().split('e');
  const power = Number(exponent);
  if (power < -4 || power >= 6) {
    return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  return String(value);
}

/** A number of JSON as Go's `%v` shows it: one without a fraction is an integer. */
export function goNumber(value: number | bigint): string {
  return typeof value === 'bigint' || Number.isSafeInteger(value) ? String(value) : goDouble(value);
}

/** JSON as Go writes it: members in order of their names, `<`, `>` and `&` escaped. */
export function goJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(goJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
    entries.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${entries.map(([key, inner]) => `${jsonText(key)}:${goJson(inner)}`).join(',')}}`;
  }
  if (typeof value === 'string') return jsonText(value);
  return typeof value === 'bigint' ? String(value) : (JSON.stringify(value) ?? 'null');
}

function jsonText(text: string): string {
  const json = JSON.stringify(text);
  // Most texts have none, and there may be very many.
  if (!/[<>&\u2028\u2029]/.test(json)) return json;
  return json.replaceAll(/[<>&\u2028\u2029]/g, (found) => {
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
