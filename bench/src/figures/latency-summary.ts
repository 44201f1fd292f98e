import {quantile} from '../quantile.ts';

/** Of times in milliseconds, by nearest rank. */
export interface LatencySummary {
  count: number;
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Undefined of no times. */
export function summarise(times: readonly number[]): LatencySummary | undefined {
  if (times.length === 0) return undefined;
  const sorted = times.toSorted((a, b) => a - b);
  return {
    count: sorted.length,
    p50: quantile(sorted, 0.5),
    p95: quantile(sorted, 0.95),
    p99: quantile(sorted, 0.99),
    max: sorted.at(-1)!,
  };
}

/** How many were over in each of `parts` equal stretches of time. */
export function overTime(endsMs: readonly number[], startedMs: number, parts: number): number[] {
  const last = endsMs.reduce((latest, end) => Math.max(latest, end), startedMs);
  const counts = Array.from({length: parts}, () => 0);
  for (const end of endsMs) {
    const part = last === startedMs ? 0 : Math.floor(((end - startedMs) / (last - startedMs)) * parts);
    counts[Math.min(parts - 1, Math.max(0, part))]! += 1;
  }
  return counts;
}
