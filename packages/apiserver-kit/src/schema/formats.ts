import {isIPv6} from 'node:net';
import {duration} from '../cel/time.ts';

/**
 * Whether a text has one of the formats that schemas may name; undefined for a format that means nothing. Dashes in the name of a format do
 * not count.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation
 */
export function hasFormat(format: string, text: string): boolean | undefined {
  return formats.get(format.replaceAll('-', ''))?.(text);
}

/** Whether a string of a schema may name the format: others are ignored. */
export function isStringFormat(format: string): boolean {
  return formats.has(format.replaceAll('-', ''));
}

const shortName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const longName = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const formats: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['bsonobjectid', pattern(/^[0-9a-fA-F]{24}$/)],
  ['uri', isRequestUri],
  ['email', isEmail],
  ['hostname', isHostname],
  ['ipv4', isIPv4],
  ['ipv6', (text) => text.includes(':') && !text.includes('%') && isIPv6(text)],
  ['cidr', isCidr],
  ['mac', isMac],
  ['uuid', pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i)],
  ['uuid3', pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i)],
  ['uuid4', pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i)],
  ['uuid5', pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i)],
  ['isbn', (text) => isIsbn10(text) || isIsbn13(text)],
  ['isbn10', isIsbn10],
  ['isbn13', isIsbn13],
  ['creditcard', isCreditCard],
  ['ssn', (text) => text.length === 11 && /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text)],
  ['hexcolor', pattern(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ['rgbcolor', isRgbColor],
  ['byte', pattern(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/)],
  ['password', () => true],
  ['date', isDate],
  ['datetime', isDateTime],
  ['duration', (text) => parseDurationText(text) !== undefined],
  ['k8sshortname', (text) => text.length <= 63 && shortName.test(text)],
  ['k8slongname', (text) => text.length <= 253 && longName.test(text)],
]);

function pattern(expression: RegExp): (text: string) => boolean {
  return (text) => expression.test(text);
}

/** `2006-01-02`, a day that there is. */
export function isDate(text: string): boolean {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text) ?? [];
  if (year === undefined || month === undefined || day === undefined) return false;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), Number(month) - 1, Number(day));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}

function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t');
  if (time === undefined || !isDate(date)) return false;
  const [, hours, minutes, seconds] = /^(\d{2}):(\d{2}):(\d{2})(?:.\d+)?(?:z|[+-]\d{2}:\d{2})$/.exec(time) ?? [];
  if (hours === undefined || minutes === undefined || seconds === undefined) return false;
  return hours <= '23' && minutes <= '59' && seconds <= '59';
}

const units: readonly (readonly [nanos: number, ...names: string[]])[] = [
  [1, 'ns', 'nano'],
  [1e3, 'us', 'µs', 'micro'],
  [1e6, 'ms', 'milli'],
  [1e9, 's', 'sec'],
  [6e10, 'm', 'min'],
  [3.6e12, 'h', 'hr', 'hour'],
  [8.64e13, 'd', 'day'],
  [6.048e14, 'w', 'wk', 'week'],
];

/** Nanoseconds of `1h30m` as Go writes it, or of `2 days`; undefined where the text is neither. */
export function parseDurationText(text: string): bigint | undefined {
  const exact = parseGoDuration(text);
  if (exact !== undefined) return exact;
  let nanos = 0n;
  let found = false;
  for (const [, amount = '', name = ''] of text.matchAll(/(\d+)\s*([A-Za-zµ]+)/g)) {
    if (amount.length > 19 || BigInt(amount) > 2n ** 63n - 1n) return undefined;
    for (const [multiplier, ...names] of units) {
      const last = names.length - 1;
      const hits = names.filter((each, index) => {
        const unit = name.toLowerCase();
        return each === unit || (index === last && unit.startsWith(each));
      });
      if (hits.length === 0) continue;
      found = true;
      nanos = BigInt.asIntN(64, nanos + BigInt(amount) * BigInt(multiplier) * BigInt(hits.length));
    }
  }
  return found ? nanos : undefined;
}

function parseGoDuration(text: string): bigint | undefined {
  const [, sign = '', body = ''] = /^([-+]?)(.*)$/s.exec(text) ?? [];
  if (body === '0') return 0n;
  if (!/^(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(body)) return undefined;
  let nanos = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of body.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h)/g)) {
    const scale = BigInt(units.find(([, ...names]) => names.includes(unit.replace('μ', 'µ')))?.[0] ?? 0);
    nanos += BigInt(whole || '0') * scale;
    if (fraction !== '') nanos += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  const signed = sign === '-' ? -nanos : nanos;
  return BigInt.asIntN(64, signed) === signed ? duration(signed).nanos : undefined;
}

/** Leading zeros are taken, as decimal. An IPv4 address that is written as IPv6 is one too. */
function isIPv4(text: string): boolean {
  return isDottedQuad(text) || (text.includes('.') && !text.includes('%') && isIPv6(text));
}

function isDottedQuad(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^\d+$/.test(part) && Number(part) <= 255);
}

function isCidr(text: string): boolean {
  const [, address = '', length = ''] = /^(.*)\/(\d+)$/s.exec(text) ?? [];
  if (isDottedQuad(address)) return Number(length) <= 32;
  return !address.includes('%') && isIPv6(address) && Number(length) <= 128;
}

function isMac(text: string): boolean {
  if (/^[0-9a-f]{4}(\.[0-9a-f]{4})+$/i.test(text)) return [14, 19, 49].includes(text.length);
  if (!/^[0-9a-f]{2}(:[0-9a-f]{2})+$/i.test(text) && !/^[0-9a-f]{2}(-[0-9a-f]{2})+$/i.test(text)) return false;
  return [17, 23, 59].includes(text.length);
}

const hostname =
  /^([a-zA-Z0-9\p{S}\p{L}]((-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|([a-zA-Z0-9\p{S}\p{L}](([a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(\.))+([a-zA-Z\p{L}]){2,63})$/u;

function isHostname(text: string): boolean {
  // The length first: it bounds what the expression may cost.
  if (Buffer.byteLength(text) > 255 || text.split('.').some((part) => Buffer.byteLength(part) > 63)) return false;
  return hostname.test(text);
}

/** An address as mail headers have it, `Name <a@b>` or `a@b`. */
function isEmail(text: string): boolean {
  if (text.length > 10_000) return false;
  const [, bracketed] = /^\s*(?:"(?:[^"\\]|\\.)*"|[^<>"@,;:\\[\]()]*)\s*<([^<>]*)>\s*$/.exec(text) ?? [];
  const address = bracketed ?? text.trim();
  const at = address.lastIndexOf('@');
  if (at < 1) return false;
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  const isAtom = /^[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{N}!#$%&'*+/=?^_`{|}~-]+)*$/u;
  const isQuoted = /^"(?:[^"\\\n\r]|\\[^\n\r])*"$/;
  const isLiteral = /^\[[^\]\\[\s]*\]$/;
  return (isAtom.test(local) || isQuoted.test(local)) && (isAtom.test(domain) || isLiteral.test(domain));
}

function isRequestUri(text: string): boolean {
  const [, scheme, rest = ''] = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(.*)$/s.exec(text) ?? [];
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what a URI must not have.
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(text) || text === '') return false;
  if (text === '*') return true;
  if (scheme === undefined && !rest.startsWith('/')) return false;
  const beforeQuery = rest.split('?', 1)[0] ?? '';
  if (scheme !== undefined && !rest.startsWith('/')) return true;
  const [, authority, path = ''] = /^(?:\/\/([^/]*))?(.*)$/s.exec(beforeQuery) ?? [];
  if (/%(?![0-9a-fA-F]{2})/.test(path)) return false;
  if (authority === undefined) return true;
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  return /^(?:\[[0-9a-fA-F:.]*(?:%25[^\]]*)?\]|[^\s:[\]<>"\\^`{}|%]*|(?:[^\s:[\]<>"\\^`{}|%]|%[8-9a-fA-F][0-9a-fA-F])*)(?::\d*)?$/.test(
    host,
  );
}

function isIsbn10(text: string): boolean {
  const digits = text.replaceAll(/[\s-]+/g, '');
  if (!/^(?:\d{9}X|\d{10})$/.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of Array.from(digits).entries()) sum += (index + 1) * (digit === 'X' ? 10 : Number(digit));
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replaceAll(/[\s-]+/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of Array.from(digits).entries()) sum += (index % 2 === 0 ? 1 : 3) * Number(digit);
  return sum % 10 === 0;
}

const cardNumber =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11})$/;

function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/\D+/g, '');
  if (!cardNumber.test(digits)) return false;
  let sum = 0;
  for (const [index, digit] of Array.from(digits).toReversed().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 === 0;
}

function isRgbColor(text: string): boolean {
  const [, ...parts] = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text) ?? [];
  return parts.length === 3 && parts.every((part) => Number(part) <= 255 && !/^0\d/.test(part));
}
