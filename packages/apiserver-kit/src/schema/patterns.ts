import {RE2JS} from 're2js';

/** A compiled expression of RE2, or what is wrong with it in the words of Go. */
export type Pattern = {matches: (text: string) => boolean} | {error: string};

const compiled = new Map<string, Pattern>();

/** Time is linear in the text, as with Go. */
export function compilePattern(source: string): Pattern {
  let known = compiled.get(source);
  if (!known) {
    known = compile(source);
    if (compiled.size >= 2_000) compiled.clear();
    compiled.set(source, known);
  }
  return known;
}

function compile(source: string): Pattern {
  try {
    const expression = RE2JS.compile(source);
    return {matches: (text) => expression.test(text)};
  } catch (error) {
    return {error: (error as Error).message};
  }
}
