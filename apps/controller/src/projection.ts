/** What the controller keeps of objects of which it only needs a little. */
import {RUNTIME_LABEL} from '@kruntimes/api-types';
import {projectedMetadata} from '@kruntimes/reconciler-kit';
import type {Pod, ServiceAccount} from 'kubernetes-types/core/v1.d.ts';

/** Identity, owner, ServiceAccount, phase and conditions of a Runtime Pod. */
export function projectPod(pod: Pod): Pod {
  const {serviceAccountName, nodeName} = pod.spec ?? {};
  const {phase, conditions} = pod.status ?? {};
  return {
    metadata: projectedMetadata(pod.metadata, [RUNTIME_LABEL]),
    spec: {containers: [], ...(serviceAccountName && {serviceAccountName}), ...(nodeName && {nodeName})},
    status: {...(phase && {phase}), ...(conditions && {conditions})},
  };
}

/** That a ServiceAccount exists. */
export function projectServiceAccount(account: ServiceAccount): ServiceAccount {
  return {metadata: projectedMetadata(account.metadata, [RUNTIME_LABEL])};
}
