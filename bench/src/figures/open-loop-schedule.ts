/**
 * When the request of that index is due. A load that waits for slow answers before it sends the next request leaves out
 * what users would have suffered; one that keeps to a schedule, and takes times from it, does not.
 *
 * @see https://github.com/giltene/wrk2#acknowledgements (coordinated omission)
 */
export function intendedMs(startedMs: number, ratePerSecond: number, index: number): number {
  return startedMs + (index * 1000) / ratePerSecond;
}

/**
 * What a closed loop of one client left out: an answer that took longer than the interval at which requests were meant to
 * come kept others from being sent, which would have waited less and less. Adds them.
 *
 * @see https://hdrhistogram.github.io/HdrHistogram/JavaDoc/org/HdrHistogram/AbstractHistogram.html recordValueWithExpectedInterval
 */
export function withOmitted(latenciesMs: readonly number[], expectedIntervalMs: number): number[] {
  const all = [...latenciesMs];
  if (!(expectedIntervalMs > 0)) return all;
  for (const latency of latenciesMs) {
    for (let missing = latency - expectedIntervalMs; missing >= expectedIntervalMs; missing -= expectedIntervalMs)
      all.push(missing);
  }
  return all;
}
