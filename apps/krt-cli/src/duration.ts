import {usageError} from './krt-error.ts';

const unitMs: Readonly<Record<string, number>> = {ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000};
const component = /(\d+(?:\.\d+)?)(ms|s|m|h|d)/gy;

/**
 * Reads a duration as kubectl's users write it: `90` (seconds), `30s`, `1m30s`, `1.5h`, `2d`, `500ms`.
 * @returns milliseconds
 * @throws KrtError `USAGE` for anything else, negative values included
 */
export function parseDurationMs(text: string, flag: string): number {
  const trimmed = text.trim();
  if (/^\d+$/.test(trimmed)) return checkRange(Number(trimmed) * 1000, text, flag);
  component.lastIndex = 0;
  let total = 0;
  let end = 0;
  for (let match = component.exec(trimmed); match; match = component.exec(trimmed)) {
    total += Number(match[1]) * (unitMs[match[2] ?? ''] ?? Number.NaN);
    end = component.lastIndex;
  }
  if (end === 0 || end !== trimmed.length) {
    throw usageError(
      `${flag} does not understand the duration "${text}"`,
      'write 30s, 5m, 1h30m or a number of seconds',
    );
  }
  return checkRange(total, text, flag);
}

function checkRange(ms: number, text: string, flag: string): number {
  if (Number.isSafeInteger(Math.round(ms))) return Math.round(ms);
  throw usageError(`${flag} "${text}" is too long`);
}

/**
 * The same for fields of the API, which are whole seconds.
 * @throws KrtError `USAGE` also for fractions of a second: rounding would change what was asked for
 */
export function parseDurationSeconds(text: string, flag: string): number {
  const ms = parseDurationMs(text, flag);
  if (ms % 1000 !== 0) throw usageError(`${flag} "${text}" is not a whole number of seconds`);
  return ms / 1000;
}

/** `3s`, `2m5s`, `4h10m`, `3d4h`: at most two units, as kubectl's AGE column. Sub-second values show as `0.25s`. */
export function formatDuration(ms: number): string {
  if (ms < 0) return '0s';
  if (ms < 10_000) return `${Number((ms / 1000).toFixed(ms < 1000 ? 3 : 1))}s`;
  const seconds = Math.floor(ms / 1000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value}${unit}`)
    .join('');
}
