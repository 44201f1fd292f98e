const DECIMAL = /^[1-9][0-9]*$/;

/**
 * Whether `a` is an older state of the same object than `b`. Versions that are not whole numbers can't be compared: then it is not.
 *
 * @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version
 */
export function isOlderVersion(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || !DECIMAL.test(a) || !DECIMAL.test(b)) return false;
  return a.length === b.length ? a < b : a.length < b.length;
}
