/** An amount in billionths, exact: what is finer is rounded up, as Kubernetes does. */
export interface Quantity {
  nanos: bigint;
  format: 'DecimalSI' | 'BinarySI' | 'DecimalExponent';
}

const pattern = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?$/;
const decimal: Readonly<Record<string, number>> = {n: -9, u: -6, m: -3, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18};
const binary: Readonly<Record<string, bigint>> = {Ki: 10n, Mi: 20n, Gi: 30n, Ti: 40n, Pi: 50n, Ei: 60n};
const billion = 1_000_000_000n;
const largest = (2n ** 63n - 1n) * billion;

export const quantityMessage =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

/** @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
export function parseQuantity(text: string): Quantity | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, sign = '', digits = '', suffix = '', exponent] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const power = exponent === undefined ? (decimal[suffix] ?? 0) : Number(exponent);
  const places = power + 9 - fraction.length;
  const scaled = BigInt(`${whole}${fraction}`) * 2n ** (binary[suffix] ?? 0n);
  const divisor = 10n ** BigInt(Math.max(0, -places));
  const size = (scaled * 10n ** BigInt(Math.max(0, places)) + divisor - 1n) / divisor;
  const capped = size > largest ? largest : size;
  const format = exponent !== undefined ? 'DecimalExponent' : suffix in binary ? 'BinarySI' : 'DecimalSI';
  return {nanos: sign === '-' ? -capped : capped, format};
}

/** The one way to write it: whole numbers with the largest suffix that divides them. */
export function formatQuantity({nanos, format}: Quantity): string {
  if (nanos === 0n) return '0';
  const sign = nanos < 0n ? '-' : '';
  const size = nanos < 0n ? -nanos : nanos;
  if (format === 'BinarySI' && size % billion === 0n) {
    const units = size / billion;
    // Below 1024 Kubernetes has no binary suffix to give.
    for (const [suffix, power] of Object.entries(binary).toReversed())
      if (units % 2n ** power === 0n) return `${sign}${units / 2n ** power}${suffix}`;
    return `${sign}${units}`;
  }
  let exponent = -9;
  let rest = size;
  while (exponent < 18 && rest % 1000n === 0n) {
    rest /= 1000n;
    exponent += 3;
  }
  if (format === 'DecimalExponent') return exponent === 0 ? `${sign}${rest}` : `${sign}${rest}e${exponent}`;
  const suffix = Object.entries(decimal).find(([, power]) => power === exponent)?.[0] ?? '';
  return `${sign}${rest}${suffix}`;
}
