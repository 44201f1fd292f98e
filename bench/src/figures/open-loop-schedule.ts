/**
 * When the request of that index is due. A load that waits for slow answers before it sends the next request leaves out
 * what users would have suffered; one that keeps to a schedule, and takes times from it, does not.
 *
 * @see https://github.com/giltene/wrk2#acknowledgements (coordinated omission)
 */
export function intendedMs(startedMs: number, ratePerSecond: number, index: number): number {
  return startedMs + (index * 1000) / ratePerSecond;
}
