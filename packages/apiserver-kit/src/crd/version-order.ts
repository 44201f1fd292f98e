/** Order of versions, the best first: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then others by name. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [parse(left), parse(right)];
  if (!a || !b) {
    if (a || b) return a ? -1 : 1;
    return left < right ? -1 : left > right ? 1 : 0;
  }
  if (a.stage !== b.stage) return b.stage - a.stage;
  return b.major - a.major || b.minor - a.minor;
}

/** @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority */
function parse(version: string): {major: number; stage: number; minor: number} | undefined {
  const [, major, stage, minor] = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version) ?? [];
  if (major === undefined) return undefined;
  const stages: Readonly<Record<string, number>> = {alpha: 0, beta: 1};
  return {major: Number(major), stage: stages[stage ?? ''] ?? 2, minor: Number(minor ?? 0)};
}
