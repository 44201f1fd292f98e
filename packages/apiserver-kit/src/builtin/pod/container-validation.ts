import type {
  Container,
  EnvVar,
  Lifecycle,
  LifecycleHandler,
  Probe,
  ResourceRequirements,
} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {labelProblems, subdomainProblems} from '../../registry/name-rules.ts';
import {labelKeyProblems} from '../../selectors/label-syntax.ts';
import {parseQuantity} from '../quantity.ts';
import {
  asInvalid,
  configKeyProblems,
  notNegative,
  oneOf,
  portNameProblems,
  portNumber,
  portReference,
} from '../validation/field-rules.ts';
import {containerSecurityProblems} from './security-validation.ts';

/** What containers of a Pod may refer to. */
export interface ContainerSurroundings {
  volumes: ReadonlySet<string>;
  hostNetwork: boolean;
  isInit: boolean;
  /** Of the Pod: a hook may not last longer. */
  graceSeconds: number;
}

/** Checks a list of containers. @param names those that others of the Pod have already; these are added */
export function containersProblems(
  containers: readonly Container[],
  path: string,
  names: Set<string>,
  surroundings: ContainerSurroundings,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, container] of containers.entries()) {
    const at = `${path}[${index}]`;
    if (!container.name) errors.push(fieldErrors.required(`${at}.name`));
    else {
      errors.push(...asInvalid(labelProblems(container.name), container.name, `${at}.name`));
      if (names.has(container.name)) errors.push(fieldErrors.duplicate(`${at}.name`, container.name));
      names.add(container.name);
    }
    errors.push(...containerProblems(container, at, surroundings));
  }
  return errors;
}

function containerProblems(container: Container, at: string, surroundings: ContainerSurroundings): FieldError[] {
  const {image = ''} = container;
  const errors: FieldError[] = [];
  if (image === '') errors.push(fieldErrors.required(`${at}.image`));
  else if (image.trim() !== image)
    errors.push(fieldErrors.invalid(`${at}.image`, image, 'must not have leading or trailing whitespace'));
  if (container.terminationMessagePolicy !== undefined)
    errors.push(
      ...oneOf(container.terminationMessagePolicy, ['File', 'FallbackToLogsOnError'], `${at}.terminationMessagePolicy`),
    );
  errors.push(...portsProblems(container, `${at}.ports`, surroundings));
  errors.push(...environmentProblems(container.env, `${at}.env`));
  for (const [index, {prefix, configMapRef, secretRef}] of (container.envFrom ?? []).entries()) {
    const from = `${at}.envFrom[${index}]`;
    if (prefix) errors.push(...asInvalid(variableNameProblems(prefix), prefix, `${from}.prefix`));
    if (!configMapRef && !secretRef)
      errors.push(fieldErrors.invalid(`${at}.envFrom`, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (configMapRef && secretRef)
      errors.push(fieldErrors.invalid(`${at}.envFrom`, '', 'may not have more than one field specified at a time'));
    if (configMapRef && !configMapRef.name) errors.push(fieldErrors.required(`${from}.configMapRef.name`));
    if (secretRef && !secretRef.name) errors.push(fieldErrors.required(`${from}.secretRef.name`));
  }
  errors.push(...mountsProblems(container, `${at}.volumeMounts`, surroundings));
  errors.push(...oneOf(container.imagePullPolicy, ['Always', 'IfNotPresent', 'Never'], `${at}.imagePullPolicy`));
  errors.push(...resourcesProblems(container.resources, `${at}.resources`));
  errors.push(...containerSecurityProblems(container.securityContext, `${at}.securityContext`));
  // An init container is over before the others begin, unless it is a sidecar.
  if (surroundings.isInit && container.restartPolicy !== 'Always') {
    for (const name of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
      if (container[name])
        errors.push(
          fieldErrors.forbidden(`${at}.${name}`, 'may not be set for init containers without restartPolicy=Always'),
        );
  } else {
    errors.push(...lifecycleProblems(container.lifecycle, `${at}.lifecycle`, surroundings.graceSeconds));
    errors.push(...probeProblems(container.livenessProbe, `${at}.livenessProbe`, 'liveness'));
    errors.push(...probeProblems(container.readinessProbe, `${at}.readinessProbe`, 'readiness'));
    errors.push(...probeProblems(container.startupProbe, `${at}.startupProbe`, 'startup'));
  }
  if (container.restartPolicy !== undefined && surroundings.isInit)
    errors.push(...oneOf(container.restartPolicy, ['Always', 'Never', 'OnFailure'], `${at}.restartPolicy`));
  return errors;
}

function portsProblems({ports}: Container, path: string, {hostNetwork}: ContainerSurroundings): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, {name, containerPort, hostPort, protocol}] of (ports ?? []).entries()) {
    const at = `${path}[${index}]`;
    if (name) {
      const problems = portNameProblems(name);
      errors.push(...asInvalid(problems, name, `${at}.name`));
      if (problems.length === 0 && names.has(name)) errors.push(fieldErrors.duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (containerPort) errors.push(...portNumber(containerPort, `${at}.containerPort`));
    else errors.push(fieldErrors.required(`${at}.containerPort`));
    if (hostPort) {
      errors.push(...portNumber(hostPort, `${at}.hostPort`));
      if (hostNetwork && hostPort !== containerPort) {
        const why = 'must match `containerPort` when `hostNetwork` is true';
        errors.push(fieldErrors.invalid(`${at}.hostPort`, hostPort, why));
      }
    }
    errors.push(...oneOf(protocol, ['SCTP', 'TCP', 'UDP'], `${at}.protocol`));
  }
  return errors;
}

/** Printable ASCII but the sign between name and value. */
const VARIABLE = /^[ -<>-~]+$/;

function variableNameProblems(name: string): string[] {
  return VARIABLE.test(name)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

function environmentProblems(env: readonly EnvVar[] | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, variable] of (env ?? []).entries()) {
    const at = `${path}[${index}]`;
    if (!variable.name) errors.push(fieldErrors.required(`${at}.name`));
    else errors.push(...asInvalid(variableNameProblems(variable.name), variable.name, `${at}.name`));
    errors.push(...variableSourceProblems(variable, `${at}.valueFrom`));
  }
  return errors;
}

/** One label or annotation. */
const KEYED_FIELD = /^metadata\.(?:annotations|labels)\['.+'\]$/;

const downwardFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
const downwardResources = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

function variableSourceProblems({value, valueFrom}: EnvVar, at: string): FieldError[] {
  if (!valueFrom) return [];
  const errors: FieldError[] = [];
  const {fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef} = valueFrom;
  if (fieldRef) {
    const path = `${at}.fieldRef.fieldPath`;
    if (!fieldRef.apiVersion) errors.push(fieldErrors.required(`${at}.fieldRef.apiVersion`));
    if (!fieldRef.fieldPath) errors.push(fieldErrors.required(path));
    else if (!downwardFields.includes(fieldRef.fieldPath) && !KEYED_FIELD.test(fieldRef.fieldPath)) {
      const why = `error converting fieldPath: field label not supported: ${fieldRef.fieldPath}`;
      errors.push(fieldErrors.invalid(path, fieldRef.fieldPath, why));
    }
  }
  if (resourceFieldRef) {
    const path = `${at}.resourceFieldRef.resource`;
    if (!resourceFieldRef.resource) errors.push(fieldErrors.required(path));
    else if (!/^(?:limits|requests)\.hugepages-/.test(resourceFieldRef.resource))
      errors.push(...oneOf(resourceFieldRef.resource, downwardResources, path));
  }
  for (const [reference, name] of [
    [configMapKeyRef, 'configMapKeyRef'],
    [secretKeyRef, 'secretKeyRef'],
  ] as const) {
    if (!reference) continue;
    const {name: referred = ''} = reference;
    errors.push(...asInvalid(subdomainProblems(referred), referred, `${at}.${name}.name`));
    if (!reference.key) errors.push(fieldErrors.required(`${at}.${name}.key`));
    else errors.push(...asInvalid(configKeyProblems(reference.key), reference.key, `${at}.${name}.key`));
  }
  const sources = Object.keys(valueFrom).length;
  if (sources === 0)
    errors.push(
      fieldErrors.invalid(
        at,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  else if (value) errors.push(fieldErrors.invalid(at, '', 'may not be specified when `value` is not empty'));
  else if (sources > 1)
    errors.push(fieldErrors.invalid(at, '', 'may not have more than one field specified at a time'));
  return errors;
}

function mountsProblems({volumeMounts}: Container, path: string, {volumes}: ContainerSurroundings): FieldError[] {
  const errors: FieldError[] = [];
  const mounted = new Set<string>();
  for (const [index, {name, mountPath, subPath, subPathExpr}] of (volumeMounts ?? []).entries()) {
    const at = `${path}[${index}]`;
    if (!name) errors.push(fieldErrors.required(`${at}.name`));
    if (!volumes.has(name)) errors.push(fieldErrors.notFound(`${at}.name`, name));
    if (!mountPath) errors.push(fieldErrors.required(`${at}.mountPath`));
    if (mounted.has(mountPath)) errors.push(fieldErrors.invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    mounted.add(mountPath);
    if (subPath) errors.push(...localPathProblems(subPath, `${path}.subPath`));
    if (subPathExpr) {
      if (subPath)
        errors.push(
          fieldErrors.invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
        );
      errors.push(...localPathProblems(subPathExpr, `${path}.subPathExpr`));
    }
  }
  return errors;
}

/** A path that stays below where it starts. */
export function localPathProblems(path: string, field: string): FieldError[] {
  if (path.startsWith('/')) return [fieldErrors.invalid(field, path, 'must be a relative path')];
  return path.split('/').includes('..') ? [fieldErrors.invalid(field, path, "must not contain '..'")] : [];
}

function lifecycleProblems(lifecycle: Lifecycle | undefined, at: string, graceSeconds: number): FieldError[] {
  return [
    ...(lifecycle?.postStart ? handlerProblems(lifecycle.postStart, `${at}.postStart`, graceSeconds) : []),
    ...(lifecycle?.preStop ? handlerProblems(lifecycle.preStop, `${at}.preStop`, graceSeconds) : []),
  ];
}

function probeProblems(probe: Probe | undefined, at: string, use: string): FieldError[] {
  if (!probe) return [];
  const errors = handlerProblems(probe, at, 0);
  for (const key of [
    'initialDelaySeconds',
    'timeoutSeconds',
    'periodSeconds',
    'successThreshold',
    'failureThreshold',
  ] as const)
    errors.push(...notNegative(probe[key], `${at}.${key}`));
  if (use !== 'readiness' && (probe.successThreshold ?? 1) !== 1)
    errors.push(fieldErrors.invalid(`${at}.successThreshold`, probe.successThreshold, 'must be 1'));
  return errors;
}

type Handler = LifecycleHandler & Pick<Probe, 'grpc'>;

function handlerProblems(handler: Handler, at: string, graceSeconds: number): FieldError[] {
  const errors: FieldError[] = [];
  let found = 0;
  const once = (name: string, check: () => FieldError[]): void => {
    if (found++ > 0) errors.push(fieldErrors.forbidden(`${at}.${name}`, 'may not specify more than 1 handler type'));
    else errors.push(...check());
  };
  const {exec, httpGet, tcpSocket, grpc, sleep} = handler;
  if (exec) {
    once('exec', () => ((exec.command ?? []).length === 0 ? [fieldErrors.required(`${at}.exec.command`)] : []));
  }
  if (httpGet) {
    once('httpGet', () => [
      ...(httpGet.path ? [] : [fieldErrors.required(`${at}.httpGet.path`)]),
      ...portReference(httpGet.port, `${at}.httpGet.port`),
      ...oneOf(httpGet.scheme, ['HTTP', 'HTTPS'], `${at}.httpGet.scheme`),
    ]);
  }
  if (tcpSocket) once('tcpSocket', () => portReference(tcpSocket.port, `${at}.tcpSocket.port`));
  if (grpc) once('grpc', () => portNumber(grpc.port, `${at}.grpc.port`));
  if (sleep) {
    const wrong = sleep.seconds < 0 || sleep.seconds > graceSeconds;
    const why = `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`;
    once('sleep', () => (wrong ? [fieldErrors.invalid(`${at}.sleep`, sleep.seconds, why)] : []));
  }
  if (found === 0) errors.push(fieldErrors.required(at, 'must specify a handler type'));
  return errors;
}

/** Resources that have no meaning without a prefix. */
const standardResources: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

/** Requests and limits. */
export function resourcesProblems(resources: ResourceRequirements | undefined, at: string): FieldError[] {
  const errors: FieldError[] = [];
  const limits = resources?.limits ?? {};
  for (const [name, limit] of Object.entries(limits)) {
    errors.push(...resourceNameProblems(name, `${at}.limits`));
    errors.push(...amountProblems(name, limit, `${at}.limits[${name}]`));
  }
  for (const [name, request] of Object.entries(resources?.requests ?? {})) {
    errors.push(...resourceNameProblems(name, `${at}.requests`));
    errors.push(...amountProblems(name, request, `${at}.requests[${name}]`));
    const limit = limits[name];
    if (limit === undefined) {
      // What cannot be shared by more than there is.
      if (name.includes('/') || name.startsWith('hugepages-'))
        errors.push(fieldErrors.required(`${at}.limits`, 'Limit must be set for non overcommitable resources'));
      continue;
    }
    const [asked = 0n, most = 0n] = [parseQuantity(request)?.nanos, parseQuantity(limit)?.nanos];
    if (!standardResources.has(name) && asked !== most)
      errors.push(fieldErrors.invalid(`${at}.requests`, request, `must be equal to ${name} limit of ${limit}`));
    else if (asked > most)
      errors.push(
        fieldErrors.invalid(`${at}.requests`, request, `must be less than or equal to ${name} limit of ${limit}`),
      );
  }
  return errors;
}

function resourceNameProblems(name: string, path: string): FieldError[] {
  const at = `${path}[${name}]`;
  const errors = asInvalid(labelKeyProblems(name), name, at);
  if (standardResources.has(name) || name.startsWith('hugepages-') || name.includes('/')) return errors;
  if (errors.length === 0)
    errors.push(fieldErrors.invalid(at, name, 'must be a standard resource type or fully qualified'));
  return [...errors, fieldErrors.invalid(at, name, 'must be a standard resource for containers')];
}

function amountProblems(name: string, amount: string, path: string): FieldError[] {
  const nanos = parseQuantity(amount)?.nanos ?? 0n;
  if (nanos < 0n) return [fieldErrors.invalid(path, amount, 'must be greater than or equal to 0')];
  const whole = nanos % 1_000_000_000n === 0n || !name.includes('/');
  return whole ? [] : [fieldErrors.invalid(path, amount, 'must be an integer')];
}
