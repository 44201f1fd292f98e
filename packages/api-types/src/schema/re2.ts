/**
 * The API server compiles patterns with Go's regexp (RE2), tools in JavaScript with RegExp. What only one of them takes is refused here,
 * where the API server would answer with a CRD that is never established.
 *
 * @see https://github.com/google/re2/wiki/Syntax
 */

const groups: readonly (readonly [RegExp, string])[] = [
  [/^\(\?[=!]/, 'look-ahead'],
  [/^\(\?<[=!]/, 'look-behind'],
  [/^\(\?>/, 'atomic group'],
  [/^\(\?P?</, 'named group'],
  [/^\(\?[a-zA-Z^-]/, 'flags'],
];

/** Escapes that mean the same to both; everything else that is escaped must be punctuation. */
const sharedEscape = /^\\(?:[dDwWsSbBtnrfv]|x[0-9a-fA-F]{2}|p\{|P\{|[^a-zA-Z0-9])/;
const maxRepeat = 1000;

/** Why the API server would not take `pattern`; undefined if it would. */
export function patternProblem(pattern: string): string | undefined {
  let inClass = false;
  for (let index = 0; index < pattern.length; index += 1) {
    const character = pattern[index];
    const rest = pattern.slice(index);
    if (character === '\\') {
      if (/^\\(?:[1-9]|k)/.test(rest)) {
        return `back-reference ${rest.slice(0, 2)}`;
      }
      if (!sharedEscape.test(rest)) {
        return `escape ${rest.slice(0, 2)}`;
      }
      index += 1;
    } else if (inClass) {
      inClass = character !== ']';
    } else if (character === '[') {
      inClass = true;
    } else if (character === '(') {
      const found = groups.find(([start]) => start.test(rest));
      if (found !== undefined) {
        return found[1];
      }
    } else if (character === '{') {
      const [, low = '0', high = '0'] = /^\{(\d+)(?:,(\d*))?\}/.exec(rest) ?? [];
      if (Number(low) > maxRepeat || Number(high) > maxRepeat) {
        return `repetition of more than ${maxRepeat}`;
      }
    }
  }
  try {
    return new RegExp(pattern, 'u') instanceof RegExp ? undefined : 'not a pattern';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
