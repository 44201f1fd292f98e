import type {Pod} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {jsonEqual} from '../../json/json-equal.ts';
import type {JsonValue} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, keep} from '../status-isolation.ts';
import {sameJson} from '../validation/field-rules.ts';
import {
  EPHEMERAL_CONTAINERS,
  ephemeralContainersUpdateProblems,
  keepAllButEphemeralContainers,
} from './ephemeral-containers.ts';
import {podDefaults} from './pod-defaults.ts';
import {podTable} from './pod-table.ts';
import {podSpecProblems, podStatusProblems, podUpdateProblems} from './pod-validation.ts';
import {hostnameWarnings, podWarnings} from './pod-warnings.ts';
import {qosClass} from './qos-class.ts';

/** Subresources whose handlers write the spec in ways that clients may not. */
const internal: ReadonlySet<string> = new Set(['binding']);

/** Pods. */
export const podRules: BuiltinRules = {
  parts: [EPHEMERAL_CONTAINERS],
  defaults: (object) => podDefaults(object as Pod),
  strategy: {
    returnsDeleted: true,
    prepareForCreate(object) {
      const pod = object as Pod;
      object.metadata.generation = 1;
      const grace = pod.spec?.terminationGracePeriodSeconds;
      if (pod.spec && grace !== undefined && grace < 0) pod.spec.terminationGracePeriodSeconds = 1;
      object['status'] = {phase: 'Pending', ...(pod.spec && {qosClass: qosClass(pod.spec)})};
      if ((pod.spec?.schedulingGates ?? []).length > 0) {
        const condition = {
          type: 'PodScheduled',
          status: 'False',
          lastProbeTime: null,
          lastTransitionTime: `${new Date().toISOString().slice(0, 19)}Z`,
          reason: 'SchedulingGated',
          message: 'Scheduling is blocked due to non-empty scheduling gates',
        };
        object['status'] = {...(object['status'] as object), conditions: [condition]};
      }
    },
    prepareForUpdate(object, old, context) {
      if (isStatusWrite(context)) {
        keep(object, old, 'spec');
        const {ownerReferences} = old.metadata;
        if (ownerReferences) object.metadata.ownerReferences = ownerReferences;
        else delete object.metadata.ownerReferences;
        const status = object['status'] as {[key: string]: JsonValue};
        const before = (old as Pod).status?.qosClass;
        if (before !== undefined && status['qosClass'] === undefined) status['qosClass'] = before;
        return;
      }
      if (internal.has(context.subresource)) return;
      if (context.subresource === EPHEMERAL_CONTAINERS) keepAllButEphemeralContainers(object, old);
      keep(object, old, 'status');
      if (!jsonEqual(object['spec'] ?? null, old['spec'] ?? null))
        object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
    validate(object, old, context): FieldError[] {
      if (old === undefined) {
        const spec = (object as Pod).spec ?? {containers: []};
        const ephemeral = spec.ephemeralContainers !== undefined;
        return [
          ...podSpecProblems(spec, 'spec'),
          ...(ephemeral ? [fieldErrors.forbidden('spec.ephemeralContainers', 'cannot be set on create')] : []),
        ];
      }
      if (isStatusWrite(context)) return podStatusProblems(object as Pod, old as Pod);
      if (internal.has(context.subresource)) return [];
      if (context.subresource === EPHEMERAL_CONTAINERS)
        return ephemeralContainersUpdateProblems(object as Pod, old as Pod);
      return podUpdateProblems(object as Pod, old as Pod);
    },
    warnings(object, old) {
      if (old !== undefined && sameJson(object['spec'], old['spec'])) return [];
      const {spec} = object as Pod;
      return [
        ...(old === undefined ? hostnameWarnings(object.metadata.name ?? '', "the Pod's hostname") : []),
        ...(spec ? podWarnings(spec, 'spec') : []),
      ];
    },
    gracePeriodSeconds: (object, asked) => podGracePeriod(object, asked),
  },
  version: {
    table: podTable,
    selectableFields: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.podIPs',
      'status.nominatedNodeName',
    ],
    selectableField: (object, path) => podField(object as Pod, path),
  },
};

/** A Pod that no node has, or that has ended, need not be waited for. */
function podGracePeriod(object: KubeObject, asked: number | undefined): number {
  const {spec, status} = object as Pod;
  if (!spec?.nodeName || status?.phase === 'Failed' || status?.phase === 'Succeeded') return 0;
  const seconds = asked ?? spec.terminationGracePeriodSeconds ?? 30;
  return seconds < 0 ? 1 : seconds;
}

function podField({spec, status}: Pod, path: string): string {
  switch (path) {
    case 'spec.nodeName':
      return spec?.nodeName ?? '';
    case 'spec.restartPolicy':
      return spec?.restartPolicy ?? '';
    case 'spec.schedulerName':
      return spec?.schedulerName ?? '';
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName ?? '';
    case 'spec.hostNetwork':
      return `${spec?.hostNetwork ?? false}`;
    case 'status.phase':
      return status?.phase ?? '';
    case 'status.podIP':
    case 'status.podIPs':
      return status?.podIPs?.[0]?.ip ?? '';
    case 'status.nominatedNodeName':
      return status?.nominatedNodeName ?? '';
    default:
      return '';
  }
}
