import {goQuote} from '../errors/go-text.ts';
import type {KubeObject} from '../kube-object.ts';
import {labelKeyProblems} from '../selectors/label-syntax.ts';

const standard: ReadonlySet<string> = new Set(['orphan', 'foregroundDeletion', 'kubernetes']);

/** Warns of new finalizers whose names others may use too. */
export function finalizerWarnings(object: KubeObject, old: KubeObject | undefined): string[] {
  const before = new Set(old?.metadata.finalizers);
  const added = new Set((object.metadata.finalizers ?? []).filter((finalizer) => !before.has(finalizer)));
  return [...added].sort().flatMap((finalizer) => {
    const shown = `metadata.finalizers: ${goQuote(finalizer)}`;
    const warnings = labelKeyProblems(finalizer).map((problem) => `${shown}: ${problem}`);
    if (finalizer.includes('/') || standard.has(finalizer)) return warnings;
    const better = finalizer.includes('.') ? ' including a path (/)' : '';
    const advice = `prefer a domain-qualified finalizer name${better} to avoid accidental conflicts with other finalizer writers`;
    return [...warnings, `${shown}: ${advice}`];
  });
}
