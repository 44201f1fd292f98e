import {
  type DeepReadonly,
  GROUP,
  MAINTAINER_SERVICE_ACCOUNT,
  RESERVED_VOLUME_PREFIX,
  RUN_DIRECTORY,
  RUNTIME_CONTAINER,
  RUNTIMED_CONTAINER,
  RUNTIMED_DRAIN_PORT,
  RUNTIMED_HEALTH_PORT,
  RUNTIMED_METRICS_PORT,
  type Runtime,
  WORKSPACE_ROOT,
} from '@kruntimes/api-types';
import type {Container} from 'kubernetes-types/core/v1.d.ts';
import {INJECTED_ENV} from './injected-env.ts';

const reservedPorts = [RUNTIMED_METRICS_PORT, RUNTIMED_HEALTH_PORT, RUNTIMED_DRAIN_PORT];
/** In many images /var/run is a link to /run. */
const reservedMounts = [WORKSPACE_ROOT, RUN_DIRECTORY, `/var${RUN_DIRECTORY}`];

/**
 * What in a Runtime's template takes what is reserved for kruntimes, one sentence each; none: the template may be used. Whether it is a
 * good Pod template otherwise is for the API server to say.
 */
export function templateProblems(runtime: DeepReadonly<Runtime>): string[] {
  const {metadata, spec} = runtime.spec.template;
  const containers = spec?.containers ?? [];
  const all = [...containers, ...(spec?.initContainers ?? [])];
  const problems: string[] = [];
  if (!containers.some(({name}) => name === RUNTIME_CONTAINER)) {
    problems.push(`spec.containers has no container named "${RUNTIME_CONTAINER}"`);
  }
  for (const container of all) problems.push(...containerProblems(container));
  const runtimeContainer = containers.find(({name}) => name === RUNTIME_CONTAINER);
  if (runtimeContainer?.lifecycle?.preStop)
    problems.push(
      `lifecycle.preStop of container "${RUNTIME_CONTAINER}" is reserved: it asks runtimed to let Runs end; what must happen at the end, do on SIGTERM`,
    );
  for (const {name} of spec?.volumes ?? []) {
    if (name.startsWith(RESERVED_VOLUME_PREFIX))
      problems.push(`volume name "${name}" is reserved (prefix ${RESERVED_VOLUME_PREFIX})`);
  }
  for (const field of ['shareProcessNamespace', 'hostPID', 'hostNetwork'] as const) {
    if (spec?.[field] === true) problems.push(`spec.${field} must not be true`);
  }
  if (spec?.automountServiceAccountToken === true) {
    problems.push(
      'spec.automountServiceAccountToken must not be true: mount a projected serviceAccountToken where one is needed',
    );
  }
  for (const field of ['serviceAccountName', 'serviceAccount'] as const) {
    if (spec?.[field] === MAINTAINER_SERVICE_ACCOUNT)
      problems.push(`spec.${field} "${MAINTAINER_SERVICE_ACCOUNT}" is reserved`);
  }
  for (const field of ['labels', 'annotations'] as const) {
    for (const key of Object.keys(metadata?.[field] ?? {})) {
      if (key.split('/')[0] === GROUP) problems.push(`metadata.${field} "${key}" is reserved (prefix ${GROUP}/)`);
    }
  }
  return problems;
}

function containerProblems(container: DeepReadonly<Container>): string[] {
  const {name, ports = [], volumeMounts = [], env = []} = container;
  const problems: string[] = [];
  if (name === RUNTIMED_CONTAINER) problems.push(`container name "${name}" is reserved`);
  for (const {containerPort} of ports) {
    if (reservedPorts.includes(containerPort))
      problems.push(`port ${containerPort} of container "${name}" is reserved`);
  }
  for (const {mountPath, name: volume} of volumeMounts) {
    if (reservedMounts.some((path) => isWithin(mountPath, path))) {
      problems.push(`mount path ${mountPath} of container "${name}" is reserved`);
    }
    if (volume.startsWith(RESERVED_VOLUME_PREFIX))
      problems.push(`container "${name}" must not mount volume "${volume}"`);
  }
  for (const variable of env) {
    if (INJECTED_ENV.has(variable.name)) problems.push(`variable ${variable.name} of container "${name}" is reserved`);
  }
  return problems;
}

/** Whether a path is `directory` or lies in it, however it is written. */
function isWithin(path: string, directory: string): boolean {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  const normal = `/${parts.join('/')}`;
  return normal === directory || normal.startsWith(`${directory}/`);
}
