export interface CsvRecord {
  fields: string[];
  /** The first line has number 1. */
  line: number;
}

/**
 * Comma-separated values as RFC 4180 has them: a field may be in double quotes, within which a doubled one is one. Empty lines
 * and lines that begin with `#` are left out.
 *
 * @throws Error for a quote that does not end, or ends within a field
 */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let at = 0;
  let line = 1;
  while (at < text.length) {
    const end = lineEnd(text, at);
    if (text.startsWith('#', at) || text.slice(at, end).trim() === '') {
      at = end + 1;
      line++;
      continue;
    }
    const fields: string[] = [];
    const first = line;
    for (;;) {
      const field = text[at] === '"' ? quoted(text, at, first) : plain(text, at);
      fields.push(field.value);
      line += field.value.split('\n').length - 1;
      at = field.end;
      if (text[at] !== ',') break;
      at++;
    }
    if (text[at] === '\r') at++;
    if (at < text.length && text[at] !== '\n') throw new Error(`line ${first}: a quote ends within a field`);
    at++;
    line++;
    records.push({fields, line: first});
  }
  return records;
}

function lineEnd(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end;
}

function plain(text: string, at: number): {value: string; end: number} {
  let end = at;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '\r') end++;
  return {value: text.slice(at, end), end};
}

function quoted(text: string, at: number, line: number): {value: string; end: number} {
  let value = '';
  let from = at + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    if (quote === -1) throw new Error(`line ${line}: a quote does not end`);
    value += text.slice(from, quote);
    if (text[quote + 1] !== '"') return {value, end: quote + 1};
    value += '"';
    from = quote + 2;
  }
}
