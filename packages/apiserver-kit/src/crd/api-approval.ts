import {goQuote} from '../errors/go-text.ts';
import type {Definition, DefinitionCondition} from './definition.ts';

export const APPROVAL_ANNOTATION = 'api-approved.kubernetes.io';

export type ApprovalState = 'invalid' | 'missing' | 'approved' | 'bypassed';

/** Groups of the Kubernetes project: their definitions must say where they were approved. */
function isProtectedGroup(group: string): boolean {
  return ['k8s.io', 'kubernetes.io'].some((domain) => group === domain || group.endsWith(`.${domain}`));
}

/** Undefined for a group that anybody may use. @see https://github.com/kubernetes/enhancements/pull/1111 */
export function approvalOf({metadata, spec}: Definition): {state: ApprovalState; reason: string} | undefined {
  if (!isProtectedGroup(spec.group)) return undefined;
  const annotation = metadata.annotations?.[APPROVAL_ANNOTATION] ?? '';
  const what = `protected groups must have approval annotation ${goQuote(APPROVAL_ANNOTATION)}`;
  const where = 'see https://github.com/kubernetes/enhancements/pull/1111';
  if (annotation === '') return {state: 'missing', reason: `${what}, ${where}`};
  if (annotation.startsWith('unapproved')) return {state: 'bypassed', reason: `not approved: ${goQuote(annotation)}`};
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/?#\s]+/.test(annotation)) {
    return {state: 'approved', reason: `approved in ${annotation}`};
  }
  const detail = `${what} with either a URL or a reason starting with "unapproved", ${where}`;
  return {state: 'invalid', reason: detail};
}

const reasons: Readonly<Record<ApprovalState, string>> = {
  invalid: 'InvalidAnnotation',
  missing: 'MissingAnnotation',
  approved: 'ApprovedAnnotation',
  bypassed: 'UnapprovedAnnotation',
};

/** The condition that tells whether a group of Kubernetes is used rightly; undefined for other groups. */
export function approvalCondition(definition: Definition): DefinitionCondition | undefined {
  const approval = approvalOf(definition);
  return (
    approval && {
      type: 'KubernetesAPIApprovalPolicyConformant',
      status: approval.state === 'approved' ? 'True' : 'False',
      reason: reasons[approval.state],
      message: approval.reason,
    }
  );
}
