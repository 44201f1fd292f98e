import type {DaemonSet, Deployment, ReplicaSet, StatefulSet} from 'kubernetes-types/apps/v1.js';
import {podSpecDefaults} from '../pod/pod-defaults.ts';
import {volumeClaimDefaults} from '../volume-claim-defaults.ts';

/** What kube-apiserver fills into a Deployment. */
export function deploymentDefaults({spec}: Deployment): void {
  if (!spec) return;
  if (spec.template.spec) podSpecDefaults(spec.template.spec);
  spec.replicas ??= 1;
  const strategy = (spec.strategy ??= {});
  strategy.type ??= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.maxUnavailable ??= '25%';
    strategy.rollingUpdate.maxSurge ??= '25%';
  }
  spec.revisionHistoryLimit ??= 10;
  spec.progressDeadlineSeconds ??= 600;
}

/** What kube-apiserver fills into a ReplicaSet. */
export function replicaSetDefaults({spec}: ReplicaSet): void {
  if (!spec) return;
  if (spec.template?.spec) podSpecDefaults(spec.template.spec);
  spec.replicas ??= 1;
}

/** What kube-apiserver fills into a StatefulSet. */
export function statefulSetDefaults({spec}: StatefulSet): void {
  if (!spec) return;
  if (spec.template.spec) podSpecDefaults(spec.template.spec);
  spec.podManagementPolicy ??= 'OrderedReady';
  const strategy = (spec.updateStrategy ??= {});
  strategy.type ??= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.partition ??= 0;
  }
  spec.persistentVolumeClaimRetentionPolicy ??= {};
  spec.persistentVolumeClaimRetentionPolicy.whenDeleted ??= 'Retain';
  spec.persistentVolumeClaimRetentionPolicy.whenScaled ??= 'Retain';
  spec.replicas ??= 1;
  spec.revisionHistoryLimit ??= 10;
  for (const claim of spec.volumeClaimTemplates ?? []) {
    // A template is a whole claim, with its kind.
    claim.kind ??= 'PersistentVolumeClaim';
    claim.apiVersion ??= 'v1';
    if (claim.spec) volumeClaimDefaults(claim.spec);
    Object.assign(claim, {status: {...claim.status, phase: claim.status?.phase ?? 'Pending'}});
  }
}

/** What kube-apiserver fills into a DaemonSet. */
export function daemonSetDefaults({spec}: DaemonSet): void {
  if (!spec) return;
  if (spec.template.spec) podSpecDefaults(spec.template.spec);
  const strategy = (spec.updateStrategy ??= {});
  strategy.type ??= 'RollingUpdate';
  if (strategy.type === 'RollingUpdate') {
    strategy.rollingUpdate ??= {};
    strategy.rollingUpdate.maxUnavailable ??= 1;
    strategy.rollingUpdate.maxSurge ??= 0;
  }
  spec.revisionHistoryLimit ??= 10;
}
