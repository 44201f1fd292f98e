const BEGIN = '<!-- bench:begin (written by npm run bench -- --docs) -->';
const END = '<!-- bench:end -->';

/** The document with `text` between its marks. @throws when it has none. */
export function withMarkedBlock(document: string, text: string): string {
  const begin = document.indexOf(BEGIN);
  const end = document.indexOf(END, begin);
  if (begin === -1 || end === -1) throw new Error(`the document has no lines ${BEGIN} and ${END}`);
  return `${document.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${document.slice(end)}`;
}
