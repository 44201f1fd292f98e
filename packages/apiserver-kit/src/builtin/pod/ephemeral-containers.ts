import type {Container, EphemeralContainer, Pod} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {cloneJson, type JsonValue} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import {sameJson} from '../validation/field-rules.ts';
import {containersProblems} from './container-validation.ts';

/** The subresource by which `kubectl debug` adds containers to a Pod that runs. */
export const EPHEMERAL_CONTAINERS = 'ephemeralcontainers';

const PATH = 'spec.ephemeralContainers';
const FORBIDDEN = 'cannot be set for an Ephemeral Container';
/** What the type has and a container that nobody may rely on has not. */
const forbidden = [
  'lifecycle',
  'livenessProbe',
  'ports',
  'readinessProbe',
  'resources',
  'restartPolicy',
  'startupProbe',
] as const;

/** Whatever else such a write says is ignored, labels too. */
export function keepAllButEphemeralContainers(object: KubeObject, old: KubeObject): void {
  const {ephemeralContainers} = (object['spec'] ?? {}) as {ephemeralContainers?: JsonValue};
  const {resourceVersion, managedFields} = object.metadata;
  const spec = cloneJson(old['spec'] ?? {}) as {[key: string]: JsonValue};
  if (ephemeralContainers === undefined) delete spec['ephemeralContainers'];
  else spec['ephemeralContainers'] = ephemeralContainers;
  object['spec'] = spec;
  object.metadata = {
    ...(cloneJson(old.metadata as unknown as JsonValue) as unknown as KubeObject['metadata']),
    ...(resourceVersion !== undefined && {resourceVersion}),
    ...(managedFields !== undefined && {managedFields}),
  };
}

/** They can be added, and neither changed nor taken away. */
export function ephemeralContainersUpdateProblems({spec, metadata}: Pod, old: Pod): FieldError[] {
  const present = spec?.ephemeralContainers ?? [];
  const errors = containersOf(spec, present);
  if (metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined)
    errors.push(fieldErrors.forbidden('', 'static pods do not support ephemeral containers'));
  for (const before of old.spec?.ephemeralContainers ?? []) {
    const now = present.find(({name}) => name === before.name);
    if (now === undefined)
      errors.push(fieldErrors.forbidden(PATH, `existing ephemeral containers "${before.name}" may not be removed\n`));
    else if (!sameJson(now, before))
      errors.push(fieldErrors.forbidden(PATH, `existing ephemeral containers "${before.name}" may not be changed\n`));
  }
  return errors;
}

function containersOf(spec: Pod['spec'], present: readonly EphemeralContainer[]): FieldError[] {
  const others = [...(spec?.containers ?? []), ...(spec?.initContainers ?? [])].map(({name}) => name);
  const surroundings = {
    volumes: new Set((spec?.volumes ?? []).map(({name}) => name)),
    hostNetwork: spec?.hostNetwork ?? false,
    graceSeconds: spec?.terminationGracePeriodSeconds ?? 30,
    isInit: false,
  };
  const errors = containersProblems(present, PATH, new Set(others), surroundings);
  for (const [index, container] of present.entries()) {
    const at = `${PATH}[${index}]`;
    const {targetContainerName} = container;
    if (targetContainerName && !others.includes(targetContainerName))
      errors.push(fieldErrors.notFound(`${at}.targetContainerName`, targetContainerName));
    for (const key of forbidden) {
      const value = (container as Container)[key];
      const isEmpty = value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);
      if (!isEmpty) errors.push(fieldErrors.forbidden(`${at}.${key}`, FORBIDDEN));
    }
    for (const [position, {subPath}] of (container.volumeMounts ?? []).entries())
      if (subPath) errors.push(fieldErrors.forbidden(`${at}.volumeMounts[${position}].subPath`, FORBIDDEN));
  }
  return errors;
}
