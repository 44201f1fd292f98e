/** What the controller keeps of objects of which it only needs a little. */
import {RUNTIME_LABEL} from '@kruntimes/api-types';
import type {Pod, ServiceAccount} from 'kubernetes-types/core/v1.d.ts';
import type {ObjectMeta} from 'kubernetes-types/meta/v1.d.ts';

/** Identity, owner, ServiceAccount, phase and conditions of a Runtime Pod. */
export function projectPod(pod: Pod): Pod {
  const {serviceAccountName, nodeName} = pod.spec ?? {};
  const {phase, conditions} = pod.status ?? {};
  return {
    metadata: projectMetadata(pod.metadata),
    spec: {containers: [], ...(serviceAccountName && {serviceAccountName}), ...(nodeName && {nodeName})},
    status: {...(phase && {phase}), ...(conditions && {conditions})},
  };
}

/** That a ServiceAccount exists. */
export function projectServiceAccount(account: ServiceAccount): ServiceAccount {
  return {metadata: projectMetadata(account.metadata)};
}

function projectMetadata(metadata: ObjectMeta = {}): ObjectMeta {
  const {name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, ownerReferences} = metadata;
  const runtime = metadata.labels?.[RUNTIME_LABEL];
  return {
    ...(name && {name}),
    ...(namespace && {namespace}),
    ...(uid && {uid}),
    ...(resourceVersion && {resourceVersion}),
    ...(creationTimestamp && {creationTimestamp}),
    ...(deletionTimestamp && {deletionTimestamp}),
    ...(ownerReferences && {ownerReferences}),
    ...(runtime !== undefined && {labels: {[RUNTIME_LABEL]: runtime}}),
  };
}
