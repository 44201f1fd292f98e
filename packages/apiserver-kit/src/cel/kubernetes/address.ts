import {isIPv4, isIPv6} from 'node:net';
import {evaluationError} from '../cel-error.ts';
import {functionTable} from '../function-table.ts';
import type {Opaque} from '../values.ts';

const ipType = 'net.IP';
const cidrType = 'net.CIDR';

/** An address of IPv4 or IPv6. */
class Ip implements Opaque {
  readonly typeName = ipType;
  readonly bits: 32 | 128;
  readonly value: bigint;

  constructor(bits: 32 | 128, value: bigint) {
    this.bits = bits;
    this.value = value;
  }

  equals(other: Opaque): boolean {
    return other instanceof Ip && other.bits === this.bits && other.value === this.value;
  }

  toString(): string {
    return this.bits === 32 ? ipv4Text(this.value) : ipv6Text(this.value);
  }

  /** Whether its first `length` bits are those of `prefix`. */
  startsWith(prefix: bigint, length: number): boolean {
    return this.value >> BigInt(this.bits - length) === prefix;
  }
}

class Cidr implements Opaque {
  readonly typeName = cidrType;
  readonly ip: Ip;
  readonly length: number;

  constructor(ip: Ip, length: number) {
    this.ip = ip;
    this.length = length;
  }

  get masked(): Cidr {
    const shift = BigInt(this.ip.bits - this.length);
    return new Cidr(new Ip(this.ip.bits, (this.ip.value >> shift) << shift), this.length);
  }

  contains(ip: Ip): boolean {
    return ip.bits === this.ip.bits && ip.startsWith(this.ip.value >> BigInt(this.ip.bits - this.length), this.length);
  }

  equals(other: Opaque): boolean {
    return other instanceof Cidr && other.ip.equals(this.ip) && other.length === this.length;
  }
}

function ipv4Text(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join('.');
}

/** The form of RFC 5952: lower case, the longest run of zeros left out. */
function ipv6Text(value: bigint): string {
  const groups = Array.from({length: 8}, (_, index) => (value >> BigInt(112 - 16 * index)) & 0xffffn);
  let best = {start: 0, length: 1};
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && groups[end] === 0n) end++;
    if (end - start > best.length) best = {start, length: end - start};
  }
  const text = (from: number, to: number): string =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return best.length < 2 ? text(0, 8) : `${text(0, best.start)}::${text(best.start + best.length, 8)}`;
}

/** Neither zones nor IPv4 addresses written as IPv6 are taken, as in Kubernetes. */
function parseIp(text: string): Ip | undefined {
  if (isIPv4(text)) {
    return new Ip(
      32,
      text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n),
    );
  }
  if (!isIPv6(text) || text.includes('%')) return undefined;
  const [head = '', tail] = ipv6WithoutDots(text).split('::');
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'));
  const [left, right] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? [] : Array.from({length: 8 - left.length - right.length}, () => '0');
  const value = [...left, ...zeros, ...right].reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
  return value >> 32n === 0xffffn ? undefined : new Ip(128, value);
}

function ipv6WithoutDots(text: string): string {
  return text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...parts: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = parts.map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
}

function parseCidr(text: string): Cidr | undefined {
  const [, address = '', digits = ''] = /^(.+)\/(0|[1-9]\d{0,2})$/.exec(text) ?? [];
  const parsed = parseIp(address);
  const length = Number(digits);
  return parsed && length <= parsed.bits ? new Cidr(parsed, length) : undefined;
}

function requireIp(text: string): Ip {
  const parsed = parseIp(text);
  if (!parsed) throw evaluationError(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
  return parsed;
}

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (!parsed)
    throw evaluationError(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
  return parsed;
}

/** One answer for each family: the length and the value of a prefix. */
function within(v4: [length: number, prefix: bigint], v6: [length: number, prefix: bigint]): (address: Ip) => boolean {
  return (address) => {
    const [length, prefix] = address.bits === 32 ? v4 : v6;
    return address.startsWith(prefix, length);
  };
}

const isUnspecified = within([32, 0n], [128, 0n]);
const isLoopback = within([8, 127n], [128, 1n]);
const isLinkLocalUnicast = within([16, 0xa9fen], [10, 0x3fan]);
const isLinkLocalMulticast = within([24, 0xe00000n], [16, 0xff02n]);
const isMulticast = within([4, 0xen], [8, 0xffn]);

function isGlobalUnicast(address: Ip): boolean {
  const isBroadcast = address.bits === 32 && address.value === 0xffffffffn;
  const special = [isUnspecified, isLoopback, isMulticast, isLinkLocalUnicast];
  return !isBroadcast && !special.some((test) => test(address));
}

/** Addresses and their ranges. @see https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-ip-address-library */
export const addressLibrary = functionTable({
  ip: {[`(string): ${ipType}`]: requireIp, [`${cidrType}.(): ${ipType}`]: (range: Cidr) => range.ip},
  isIP: {'(string): bool': (text: string) => parseIp(text) !== undefined},
  'ip.isCanonical': {'(string): bool': (text: string) => requireIp(text).toString() === text},
  family: {[`${ipType}.(): int`]: ({bits}: Ip) => (bits === 32 ? 4n : 6n)},
  isUnspecified: {[`${ipType}.(): bool`]: isUnspecified},
  isLoopback: {[`${ipType}.(): bool`]: isLoopback},
  isLinkLocalMulticast: {[`${ipType}.(): bool`]: isLinkLocalMulticast},
  isLinkLocalUnicast: {[`${ipType}.(): bool`]: isLinkLocalUnicast},
  isGlobalUnicast: {[`${ipType}.(): bool`]: isGlobalUnicast},
  cidr: {[`(string): ${cidrType}`]: cidr},
  isCIDR: {'(string): bool': (text: string) => parseCidr(text) !== undefined},
  containsIP: {
    [`${cidrType}.(${ipType}): bool`]: (range: Cidr, address: Ip) => range.contains(address),
    [`${cidrType}.(string): bool`]: (range: Cidr, text: string) => range.contains(requireIp(text)),
  },
  containsCIDR: {
    [`${cidrType}.(${cidrType}): bool`]: containsCidr,
    [`${cidrType}.(string): bool`]: (range: Cidr, text: string) => containsCidr(range, cidr(text)),
  },
  masked: {[`${cidrType}.(): ${cidrType}`]: (range: Cidr) => range.masked},
  prefixLength: {[`${cidrType}.(): int`]: ({length}: Cidr) => BigInt(length)},
  string: {
    [`(${ipType}): string`]: (address: Ip) => address.toString(),
    [`(${cidrType}): string`]: (range: Cidr) => `${range.ip.toString()}/${range.length}`,
  },
});

function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.length >= outer.length && outer.contains(inner.ip);
}
