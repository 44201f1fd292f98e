import {isNativeError} from 'node:util/types';

export interface TextLineOptions {
  /** Whether to colour levels and keys by terminal codes. */
  colours: boolean;
}

export interface LogEntry {
  /** ISO 8601. */
  time: string;
  level: string;
  logger: string;
  message: string;
  fields: Readonly<Record<string, unknown>>;
}

const LEVEL_COLOURS: Readonly<Record<string, number>> = {error: 31, warn: 33, info: 32, debug: 90};
const DIM = 90;

/**
 * A log entry for people: `10:31:02.117 INFO  scheduler: run bound run=default/hello waitMs=3`. Errors follow on lines of
 * their own, with their stacks and causes.
 */
export function formatTextLine(entry: LogEntry, {colours}: TextLineOptions): string {
  const paint = (text: string, colour: number | undefined) =>
    colours && colour ? `\u001b[${colour}m${text}\u001b[0m` : text;
  const level = paint(entry.level.toUpperCase().padEnd(5), LEVEL_COLOURS[entry.level]);
  const words = [paint(entry.time.slice(11, 23), DIM), level, `${entry.logger}:`, entry.message];
  const below: string[] = [];
  for (const [key, value] of Object.entries(entry.fields)) {
    if (isNativeError(value)) below.push(`    ${paint(`${key}:`, DIM)} ${describe(value)}`);
    else if (value !== undefined) words.push(`${paint(`${key}=`, DIM)}${inline(value)}`);
  }
  return [words.join(' '), ...below].join('\n');
}

function inline(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value;
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    // Circular, or a bigint.
    return String(value);
  }
}

function describe(error: Error): string {
  const code = 'code' in error && error.code !== undefined ? ` (${inline(error.code)})` : '';
  const frames = (error.stack ?? '').split('\n').filter((line) => line.startsWith('    at '));
  const lines = [`${error.name}: ${error.message}${code}`, ...frames.map((frame) => `    ${frame}`)];
  const {cause} = error;
  if (isNativeError(cause)) lines.push(`    caused by: ${describe(cause)}`);
  else if (cause !== undefined) lines.push(`    caused by: ${inline(cause)}`);
  return lines.join('\n');
}
