interface Versioned {
  readonly metadata?: {readonly resourceVersion?: string} | undefined;
}

/**
 * Whether one state of an object is older than another. A watch may deliver a state that an answer of the API server has
 * outrun already. Versions that are no numbers cannot be compared and count as news.
 *
 * @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/5504-comparable-resource-version
 */
export function isOlderThan(a: Versioned, b: Versioned): boolean {
  const [versionA, versionB] = [a.metadata?.resourceVersion, b.metadata?.resourceVersion];
  if (!isNumber(versionA) || !isNumber(versionB)) return false;
  return BigInt(versionA) < BigInt(versionB);
}

function isNumber(version: string | undefined): version is string {
  return version !== undefined && /^\d+$/.test(version);
}
