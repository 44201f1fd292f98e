import type {NamespaceCondition} from 'kubernetes-types/core/v1.js';

/** What is left in a namespace that is being deleted. */
export interface NamespaceContent {
  /** Number of objects by resource: `pods.`, `deployments.apps`. */
  remaining: ReadonlyMap<string, number>;
  /** Number of objects that each finalizer holds. */
  finalizers: ReadonlyMap<string, number>;
  /** Why objects could not be deleted. */
  errors: readonly string[];
}

/** The conditions of a namespace that is being deleted, in the words of Kubernetes. */
export function namespaceConditions(
  present: readonly NamespaceCondition[],
  content: NamespaceContent,
  now: string,
): NamespaceCondition[] {
  const conditions = [...present];
  for (const wanted of conditionsOf(content)) {
    const index = conditions.findIndex(({type}) => type === wanted.type);
    const old = conditions[index];
    const isSame = old?.status === wanted.status && old.reason === wanted.reason && old.message === wanted.message;
    if (isSame) continue;
    const next = {...wanted, lastTransitionTime: now};
    if (index < 0) conditions.push(next);
    else conditions[index] = next;
  }
  return conditions;
}

function conditionsOf({remaining, finalizers, errors}: NamespaceContent): NamespaceCondition[] {
  return [
    condition(
      'NamespaceDeletionDiscoveryFailure',
      false,
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ),
    condition(
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ),
    errors.length > 0
      ? condition(
          'NamespaceDeletionContentFailure',
          true,
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${errors.length} remaining: ${errors.join(', ')}`,
        )
      : condition(
          'NamespaceDeletionContentFailure',
          false,
          'ContentDeleted',
          'All content successfully deleted, may be waiting on finalization',
        ),
    remaining.size > 0
      ? condition(
          'NamespaceContentRemaining',
          true,
          'SomeResourcesRemain',
          `Some resources are remaining: ${listed(remaining, (name, count) => `${name} has ${count} resource instances`)}`,
        )
      : condition('NamespaceContentRemaining', false, 'ContentRemoved', 'All content successfully removed'),
    finalizers.size > 0
      ? condition(
          'NamespaceFinalizersRemaining',
          true,
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${listed(finalizers, (name, count) => `${name} in ${count} resource instances`)}`,
        )
      : condition(
          'NamespaceFinalizersRemaining',
          false,
          'ContentHasNoFinalizers',
          'All content-preserving finalizers finished',
        ),
  ];
}

function listed(counts: ReadonlyMap<string, number>, text: (name: string, count: number) => string): string {
  return [...counts]
    .filter(([, count]) => count > 0)
    .map(([name, count]) => text(name, count))
    .toSorted()
    .join(', ');
}

function condition(type: string, isTrue: boolean, reason: string, message: string): NamespaceCondition {
  return {type, status: isTrue ? 'True' : 'False', reason, message};
}
