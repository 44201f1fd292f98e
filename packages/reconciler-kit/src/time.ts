/**
 * A moment as `metav1.Time` writes it: RFC 3339, UTC, whole seconds.
 *
 * @param ms milliseconds since the epoch; fractions of a second are cut off
 */
export function rfc3339(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/**
 * A moment as `metav1.MicroTime` writes it: RFC 3339, UTC, six digits after the second.
 *
 * @param ms milliseconds since the epoch; a fraction gives microseconds
 */
export function microTime(ms: number): string {
  const wholeMs = Math.floor(ms);
  const micros = Math.floor((ms - wholeMs) * 1000);
  return `${new Date(wholeMs).toISOString().slice(0, 23)}${String(micros).padStart(3, '0')}Z`;
}
