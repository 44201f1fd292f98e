import type {DaemonSet, Deployment, ReplicaSet, StatefulSet} from 'kubernetes-types/apps/v1.js';
import type {PodTemplateSpec} from 'kubernetes-types/core/v1.js';
import type {FieldError} from '../../errors/field-error.ts';
import {labelProblems} from '../../registry/name-rules.ts';
import type {ScaleSubresource} from '../../registry/resource.ts';
import {hostnameWarnings, podWarnings} from '../pod/pod-warnings.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, statusIsolation} from '../status-isolation.ts';
import {daemonSetTable, deploymentTable, replicaSetTable, statefulSetTable} from '../tables/workload-tables.ts';
import {notNegative, sameJson} from '../validation/field-rules.ts';
import {daemonSetDefaults, deploymentDefaults, replicaSetDefaults, statefulSetDefaults} from './workload-defaults.ts';
import {
  daemonSetProblems,
  deploymentProblems,
  replicaSetProblems,
  replicaStatusProblems,
  statefulSetProblems,
} from './workload-validation.ts';

const scale: ScaleSubresource = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.spec.selector',
};

const deploymentIsolation = statusIsolation({initial: {}, generation: 'spec and annotations'});

interface Workload {
  metadata?: {name?: string};
  spec?: {template?: PodTemplateSpec};
}

function templateWarnings({metadata, spec}: Workload, old: Workload | undefined, hostname?: string): string[] {
  const pod = spec?.template?.spec;
  const changed = old === undefined || !sameJson(spec?.template, old.spec?.template);
  return [
    ...(old === undefined && hostname !== undefined ? hostnameWarnings(metadata?.name ?? '', hostname) : []),
    ...(pod && changed ? podWarnings(pod, 'spec.template.spec') : []),
  ];
}

/** Deployments. */
export const deploymentRules: BuiltinRules = {
  defaults: (object) => deploymentDefaults(object as Deployment),
  version: {table: deploymentTable},
  scale,
  strategy: {
    ...deploymentIsolation,
    prepareForUpdate(object, old, context) {
      deploymentIsolation.prepareForUpdate(object, old, context);
      if (!isStatusWrite(context)) return;
      if (old.metadata.labels) object.metadata.labels = {...old.metadata.labels};
      else delete object.metadata.labels;
    },
    validate: (object, old, context) =>
      isStatusWrite(context)
        ? replicaStatusProblems((object as Deployment).status, [
            'updatedReplicas',
            'readyReplicas',
            'availableReplicas',
          ])
        : deploymentProblems(object as Deployment, old as Deployment | undefined),
    warnings: (object, old) => templateWarnings(object, old, 'Pod names and hostnames'),
  },
};

/** ReplicaSets. */
export const replicaSetRules: BuiltinRules = {
  defaults: (object) => replicaSetDefaults(object as ReplicaSet),
  version: {table: replicaSetTable},
  scale,
  strategy: {
    ...statusIsolation({initial: {replicas: 0}, generation: 'spec'}),
    validate: (object, old, context) =>
      isStatusWrite(context)
        ? replicaStatusProblems((object as ReplicaSet).status, [
            'fullyLabeledReplicas',
            'readyReplicas',
            'availableReplicas',
          ])
        : replicaSetProblems(object as ReplicaSet, old as ReplicaSet | undefined),
    warnings: (object, old) => templateWarnings(object, old, 'Pod names and hostnames'),
  },
};

/** StatefulSets. */
export const statefulSetRules: BuiltinRules = {
  defaults: (object) => statefulSetDefaults(object as StatefulSet),
  version: {table: statefulSetTable},
  scale,
  strategy: {
    ...statusIsolation({initial: {replicas: 0, availableReplicas: 0}, generation: 'spec'}),
    // Names of its Pods are made of it.
    validateName: labelProblems,
    validate: (object, old, context) =>
      isStatusWrite(context)
        ? replicaStatusProblems((object as StatefulSet).status, [
            'readyReplicas',
            'currentReplicas',
            'updatedReplicas',
            'availableReplicas',
          ])
        : statefulSetProblems(object as StatefulSet, old as StatefulSet | undefined),
    warnings: (object, old) => templateWarnings(object, old),
  },
};

const noNodes = {currentNumberScheduled: 0, numberMisscheduled: 0, desiredNumberScheduled: 0, numberReady: 0};

const daemonCounts = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
] as const;

function daemonStatusProblems(status: DaemonSet['status']): FieldError[] {
  return daemonCounts.flatMap((name) => notNegative(status?.[name], `status.${name}`));
}

const TEMPLATE_GENERATION = 'deprecated.daemonset.template.generation';
const daemonSetIsolation = statusIsolation({initial: noNodes, generation: 'spec'});

/** DaemonSets. */
export const daemonSetRules: BuiltinRules = {
  defaults: (object) => daemonSetDefaults(object as DaemonSet),
  version: {table: daemonSetTable},
  strategy: {
    prepareForCreate(object) {
      daemonSetIsolation.prepareForCreate(object);
      object.metadata.annotations = {...object.metadata.annotations, [TEMPLATE_GENERATION]: '1'};
    },
    prepareForUpdate(object, old, context) {
      daemonSetIsolation.prepareForUpdate(object, old, context);
      const before = Number(old.metadata.annotations?.[TEMPLATE_GENERATION] ?? 0);
      const changed = !sameJson((object as DaemonSet).spec?.template, (old as DaemonSet).spec?.template);
      object.metadata.annotations = {
        ...object.metadata.annotations,
        [TEMPLATE_GENERATION]: `${changed ? before + 1 : before}`,
      };
    },
    validate: (object, old, context) =>
      isStatusWrite(context)
        ? daemonStatusProblems((object as DaemonSet).status)
        : daemonSetProblems(object as DaemonSet, old as DaemonSet | undefined),
    warnings: (object, old) => templateWarnings(object, old),
  },
};
