import {ShapeError} from './shape-error.ts';

interface Element {
  /** As Go's layouts write it. */
  layout: string;
  pattern: RegExp;
}

const date: readonly Element[] = [
  {layout: '2006', pattern: /^\d{4}/},
  {layout: '-', pattern: /^-/},
  {layout: '01', pattern: /^\d{2}/},
  {layout: '-', pattern: /^-/},
  {layout: '02', pattern: /^\d{2}/},
  {layout: 'T', pattern: /^T/},
  {layout: '15', pattern: /^\d{1,2}/},
  {layout: ':', pattern: /^:/},
  {layout: '04', pattern: /^\d{2}/},
  {layout: ':', pattern: /^:/},
];
const zone: Element = {layout: 'Z07:00', pattern: /^(?:Z|[+-]\d{2}:\d{2})/};
/** Go takes a fraction behind the seconds even where the layout has none. */
const seconds: readonly Element[] = [...date, {layout: '05', pattern: /^\d{2}(?:[.,]\d+)?/}, zone];
const microseconds: readonly Element[] = [
  ...date,
  {layout: '05', pattern: /^\d{2}/},
  {layout: '.000000', pattern: /^\.\d{6}/},
  zone,
];

/**
 * The text of a metav1.Time as it is written back: UTC, whole seconds. The zero time is null.
 *
 * @throws ShapeError
 */
export function canonicalTime(text: string): string | null {
  const at = parse(text, seconds, '2006-01-02T15:04:05Z07:00');
  return at === null ? null : `${at.slice(0, 19)}Z`;
}

/**
 * The text of a metav1.MicroTime as it is written back.
 *
 * @throws ShapeError
 */
export function canonicalMicroTime(text: string): string | null {
  const at = parse(text, microseconds, '2006-01-02T15:04:05.000000Z07:00');
  return at === null ? null : `${at.slice(0, 19)}${text.slice(text.indexOf('.'), text.indexOf('.') + 7)}Z`;
}

function parse(text: string, elements: readonly Element[], layout: string): string | null {
  let rest = text;
  const parts: string[] = [];
  for (const element of elements) {
    const match = element.pattern.exec(rest);
    if (match === null) {
      throw new ShapeError(
        `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(rest)} as "${element.layout}"`,
      );
    }
    parts.push(match[0]);
    rest = rest.slice(match[0].length);
  }
  if (rest !== '') throw new ShapeError(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
  const [year, , month, , day, , hour, , minute, , second] = parts.map((part) => Math.trunc(Number(part)));
  const days = new Date(Date.UTC(2000 + (year! % 400), month, 0)).getUTCDate();
  const wrong =
    outOf(month!, 1, 12, 'month') ??
    outOf(hour!, 0, 23, 'hour') ??
    outOf(minute!, 0, 59, 'minute') ??
    outOf(Math.trunc(Number.parseFloat(parts[10]!.replace(',', '.'))), 0, 59, 'second') ??
    outOf(day!, 1, days, 'day');
  if (wrong !== undefined) throw new ShapeError(`parsing time ${JSON.stringify(text)}: ${wrong}`);
  const offset = parts.at(-1)!;
  const minutes = offset === 'Z' ? 0 : Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6));
  const instant = new Date(0);
  instant.setUTCFullYear(year!, month! - 1, day);
  instant.setUTCHours(hour!, minute! - (offset.startsWith('-') ? -minutes : minutes), second ?? 0);
  const iso = instant.toISOString();
  return iso.startsWith('0001-01-01T00:00:00') ? null : iso;
}

function outOf(value: number, from: number, to: number, what: string): string | undefined {
  return value < from || value > to ? `${what} out of range` : undefined;
}
