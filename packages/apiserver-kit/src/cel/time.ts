import {evaluationError} from './cel-error.ts';
import {Duration, Timestamp} from './values.ts';

const nanosPerSecond = 1_000_000_000n;
const nanosPerMilli = 1_000_000n;
/** 0001-01-01T00:00:00Z and 9999-12-31T23:59:59.999999999Z */
const firstTimestamp = -62_135_596_800n * nanosPerSecond;
const lastTimestamp = 253_402_300_800n * nanosPerSecond - 1n;
const maxInt = 2n ** 63n - 1n;

/** @throws CelError outside of the years 1 to 9999 */
export function timestamp(nanos: bigint): Timestamp {
  if (nanos < firstTimestamp || nanos > lastTimestamp) throw evaluationError('timestamp overflow');
  return new Timestamp(nanos);
}

/** @throws CelError outside of ±290 years: 64 bits of nanoseconds */
export function duration(nanos: bigint): Duration {
  if (nanos > maxInt || nanos < -maxInt - 1n) throw evaluationError('integer overflow');
  return new Duration(nanos);
}

const rfc3339 =
  /^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,9})\d*)?(Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/;

/** @throws CelError unless the text is a time of RFC 3339 */
export function parseTimestamp(text: string): Timestamp {
  const [, seconds, fraction = '', zone] = rfc3339.exec(text) ?? [];
  const millis = seconds === undefined ? Number.NaN : Date.parse(`${seconds}${zone}`);
  const day = Number(seconds?.slice(8, 10));
  // JavaScript takes the 31st of a short month for the next month's first.
  if (Number.isNaN(millis) || new Date(`${seconds}Z`).getUTCDate() !== day) {
    throw evaluationError(`invalid timestamp: ${JSON.stringify(text)}`);
  }
  return timestamp(BigInt(millis) * nanosPerMilli + BigInt(fraction.padEnd(9, '0')));
}

export function formatTimestamp({nanos}: Timestamp): string {
  const seconds = floorDivide(nanos, nanosPerSecond);
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${text}${fractionText(nanos - seconds * nanosPerSecond)}Z`;
}

const unitNanos: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 6e10,
  h: 3.6e12,
};

/** @throws CelError unless the text is a duration as Go writes it: `-1h30m`, `1.5s` @see https://pkg.go.dev/time#ParseDuration */
export function parseDuration(text: string): Duration {
  const [, sign, body = ''] = /^([-+]?)(.+)$/.exec(text) ?? [];
  if (body === '0') return new Duration(0n);
  const pattern = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;
  let nanos = 0n;
  while (pattern.lastIndex < body.length) {
    const found = pattern.exec(body);
    if (!found) throw evaluationError(`invalid duration: ${JSON.stringify(text)}`);
    const [, amount = '', unit = ''] = found;
    const [whole = '', fraction = ''] = amount.split('.');
    const scale = BigInt(unitNanos[unit] ?? 0);
    nanos += BigInt(whole || '0') * scale;
    if (fraction !== '') nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  if (body === '') throw evaluationError(`invalid duration: ${JSON.stringify(text)}`);
  return duration(sign === '-' ? -nanos : nanos);
}

/** In seconds, as protobuf's JSON has it: `1.5s`. */
export function formatDuration({nanos}: Duration): string {
  const positive = nanos < 0n ? -nanos : nanos;
  const seconds = positive / nanosPerSecond;
  return `${nanos < 0n ? '-' : ''}${seconds}${fractionText(positive % nanosPerSecond)}s`;
}

function fractionText(nanos: bigint): string {
  return nanos === 0n ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`;
}

/** The calendar fields of a moment. Months, days of month and of year count from 0; Sunday is 0. */
export interface Calendar {
  readonly year: number;
  readonly month: number;
  readonly dayOfMonth: number;
  readonly dayOfWeek: number;
  readonly dayOfYear: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly milliseconds: number;
}

/** @param zone IANA name or `±hh:mm`; UTC if absent. @throws CelError for an unknown zone */
export function calendarOf({nanos}: Timestamp, zone = 'UTC'): Calendar {
  const millis = Number(floorDivide(nanos, nanosPerMilli));
  const local = new Date(millis + offsetMillis(millis, zone));
  const january = new Date(0);
  // Date.UTC would take years below 100 for those of the twentieth century.
  january.setUTCFullYear(local.getUTCFullYear(), 0, 1);
  return {
    year: local.getUTCFullYear(),
    month: local.getUTCMonth(),
    dayOfMonth: local.getUTCDate() - 1,
    dayOfWeek: local.getUTCDay(),
    dayOfYear: Math.floor((local.getTime() - january.getTime()) / 86_400_000),
    hours: local.getUTCHours(),
    minutes: local.getUTCMinutes(),
    seconds: local.getUTCSeconds(),
    milliseconds: local.getUTCMilliseconds(),
  };
}

const formats = new Map<string, Intl.DateTimeFormat>();

function offsetMillis(millis: number, zone: string): number {
  if (zone === '' || zone === 'UTC') return 0;
  const [, sign, hours, minutes] = /^([-+]?)(\d{1,2}):(\d{2})$/.exec(zone) ?? [];
  if (hours !== undefined) return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  let format = formats.get(zone);
  if (!format) {
    try {
      format = new Intl.DateTimeFormat('en-US', {timeZone: zone, timeZoneName: 'longOffset'});
    } catch {
      throw evaluationError(`unknown time zone ${zone}`);
    }
    if (formats.size < 1_000) formats.set(zone, format);
  }
  const name = format.formatToParts(millis).find(({type}) => type === 'timeZoneName')?.value ?? '';
  const [, mark, h = '0', m = '0', s = '0'] = /GMT(?:([-+])(\d{2}):(\d{2})(?::(\d{2}))?)?/.exec(name) ?? [];
  return (mark === '-' ? -1 : 1) * ((Number(h) * 60 + Number(m)) * 60 + Number(s)) * 1000;
}

export function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}
