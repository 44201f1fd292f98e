import type {DaemonSet, Deployment, ReplicaSet, StatefulSet} from 'kubernetes-types/apps/v1.js';
import type {PodTemplateSpec} from 'kubernetes-types/core/v1.js';
import {AGE, labelsCell, NONE, selectorText, tableLayout} from './layout.ts';

const wide = ['*Containers', '*Images', '*Selector'];

export const deploymentTable = tableLayout<Deployment>(
  ['Ready', 'Up-to-date', 'Available', 'Age', ...wide],
  ({spec, status}) => [
    `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`,
    status?.updatedReplicas ?? 0,
    status?.availableReplicas ?? 0,
    AGE,
    ...containers(spec?.template),
    selectorText(spec?.selector),
  ],
);

export const replicaSetTable = tableLayout<ReplicaSet>(
  ['Desired:integer', 'Current:integer', 'Ready:integer', 'Age', ...wide],
  ({spec, status}) => [
    spec?.replicas ?? 0,
    status?.replicas ?? 0,
    status?.readyReplicas ?? 0,
    AGE,
    ...containers(spec?.template),
    selectorText(spec?.selector) || NONE,
  ],
);

export const statefulSetTable = tableLayout<StatefulSet>(
  ['Ready', 'Age', '*Containers', '*Images'],
  ({spec, status}) => [`${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}`, AGE, ...containers(spec?.template)],
);

export const daemonSetTable = tableLayout<DaemonSet>(
  [
    'Desired:integer',
    'Current:integer',
    'Ready:integer',
    'Up-to-date:integer',
    'Available:integer',
    'Node Selector',
    'Age',
    ...wide,
  ],
  ({spec, status}) => [
    status?.desiredNumberScheduled ?? 0,
    status?.currentNumberScheduled ?? 0,
    status?.numberReady ?? 0,
    status?.updatedNumberScheduled ?? 0,
    status?.numberAvailable ?? 0,
    labelsCell(spec?.template.spec?.nodeSelector),
    AGE,
    ...containers(spec?.template),
    selectorText(spec?.selector) || NONE,
  ],
);

/** Names and images. */
function containers(template: PodTemplateSpec | undefined): [string, string] {
  const all = template?.spec?.containers ?? [];
  return [all.map(({name}) => name).join(','), all.map(({image}) => image ?? '').join(',')];
}
