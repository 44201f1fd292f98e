import {Buffer} from 'node:buffer';
import {ShapeError} from './shape-error.ts';

const alphabet = /[A-Za-z0-9+/]/;

/**
 * Standard base64 in its one form, with padding and without line breaks.
 *
 * @throws ShapeError in Go's words
 */
export function canonicalBase64(text: string): string {
  const at = corruptInput(text);
  if (at >= 0) throw new ShapeError(`illegal base64 data at input byte ${at}`);
  return Buffer.from(text, 'base64').toString('base64');
}

/** Where Go's decoder stops; -1: nowhere. */
function corruptInput(text: string): number {
  let inQuantum = 0;
  for (let index = 0; index < text.length; index++) {
    const char = text[index]!;
    if (char === '\n' || char === '\r') continue;
    if (alphabet.test(char)) {
      inQuantum = (inQuantum + 1) % 4;
      continue;
    }
    if (char !== '=' || inQuantum < 2) return index;
    // The padding: one or two signs, and nothing behind them.
    const rest = text.slice(index + 1).replaceAll(/[\r\n]/gu, '');
    const wanted = inQuantum === 2 ? '=' : '';
    if (rest.length < wanted.length) return text.length;
    if (!rest.startsWith(wanted)) return index;
    return rest === wanted ? -1 : index + 1 + wanted.length;
  }
  return inQuantum === 0 ? -1 : text.length - inQuantum;
}
