/** JSON with line breaks and an indent of two spaces. The text is not read as values: no number changes. */
export function prettyJson(json: string): string {
  const parts: string[] = [];
  let indent = '';
  let from = 0;
  let at = 0;
  const take = (to: number): void => {
    if (to > from) parts.push(json.slice(from, to));
    from = to + 1;
  };
  for (; at < json.length; at++) {
    switch (json.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(json, at);
        break;
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        const close = json.charCodeAt(at + 1);
        if (close === CLOSE_OBJECT || close === CLOSE_ARRAY) {
          at++;
          break;
        }
        take(at + 1);
        from = at + 1;
        indent += '  ';
        parts.push(`\n${indent}`);
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_ARRAY:
        take(at);
        indent = indent.slice(2);
        parts.push(`\n${indent}${json[at]}`);
        break;
      case COMMA:
        take(at);
        parts.push(`,\n${indent}`);
        break;
      case COLON:
        take(at);
        parts.push(': ');
    }
  }
  take(at);
  return parts.join('');
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** @returns the place of the quote that ends the string that begins at a place */
function endOfString(json: string, start: number): number {
  let end = json.indexOf('"', start + 1);
  while (end !== -1 && isEscaped(json, end)) end = json.indexOf('"', end + 1);
  return end === -1 ? json.length : end;
}

function isEscaped(json: string, at: number): boolean {
  let count = 0;
  while (json.charCodeAt(at - 1 - count) === BACKSLASH) count++;
  return count % 2 === 1;
}
