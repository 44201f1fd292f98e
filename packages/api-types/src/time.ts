/** An RFC 3339 time with six digits of a second, as metav1.MicroTime is written. */
export function microTime(time: Date): string {
  return time.toISOString().replace('Z', '000Z');
}

/** An RFC 3339 time in whole seconds, as metav1.Time is written. */
export function secondTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}
