import type {Pod, PodSpec, PodTemplateSpec, Toleration} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {labelProblems, subdomainProblems} from '../../registry/name-rules.ts';
import {labelKeyProblems, labelValueProblems} from '../../selectors/label-syntax.ts';
import {asInvalid, inRange, isIpAddress, labelSelector, labels, oneOf, sameJson} from '../validation/field-rules.ts';
import {affinityProblems} from './affinity-validation.ts';
import {containersProblems} from './container-validation.ts';
import {podSecurityProblems} from './security-validation.ts';
import {volumesProblems} from './volume-validation.ts';

/** Checks the spec of a new Pod or of a template. */
export function podSpecProblems(spec: PodSpec, path: string): FieldError[] {
  const errors = volumesProblems(spec.volumes ?? [], `${path}.volumes`);
  const surroundings = {
    volumes: new Set((spec.volumes ?? []).map(({name}) => name)),
    hostNetwork: spec.hostNetwork ?? false,
    graceSeconds: spec.terminationGracePeriodSeconds ?? 30,
  };
  const names = new Set<string>();
  if ((spec.containers ?? []).length === 0) errors.push(fieldErrors.required(`${path}.containers`));
  errors.push(
    ...containersProblems(spec.containers ?? [], `${path}.containers`, names, {...surroundings, isInit: false}),
    ...containersProblems(spec.initContainers ?? [], `${path}.initContainers`, names, {...surroundings, isInit: true}),
    ...oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], `${path}.restartPolicy`),
    ...oneOf(spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'], `${path}.dnsPolicy`),
  );
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) {
    errors.push(...asInvalid(labelKeyProblems(key), key, `${path}.nodeSelector`));
    errors.push(...asInvalid(labelValueProblems(value), value, `${path}.nodeSelector`));
  }
  errors.push(...tolerationsProblems(spec.tolerations, `${path}.tolerations`));
  for (const [index, {ip, hostnames}] of (spec.hostAliases ?? []).entries()) {
    const at = `${path}.hostAliases[${index}]`;
    if (!isIpAddress(ip ?? '')) errors.push(fieldErrors.invalid(`${at}.ip`, ip ?? '', IP_ADDRESS));
    for (const [position, hostname] of (hostnames ?? []).entries())
      errors.push(...asInvalid(subdomainProblems(hostname), hostname, `${at}.hostnames[${position}]`));
  }
  for (const [name, check] of [
    ['serviceAccountName', subdomainProblems],
    ['nodeName', subdomainProblems],
    ['hostname', labelProblems],
    ['subdomain', labelProblems],
    ['priorityClassName', subdomainProblems],
    ['runtimeClassName', subdomainProblems],
  ] as const) {
    const value = spec[name];
    if (value) errors.push(...asInvalid(check(value), value, `${path}.${name}`));
  }
  if (spec.activeDeadlineSeconds !== undefined)
    errors.push(...inRange(spec.activeDeadlineSeconds, 1, 2_147_483_647, `${path}.activeDeadlineSeconds`));
  errors.push(
    ...podSecurityProblems(spec, path),
    ...affinityProblems(spec.affinity, `${path}.affinity`),
    ...dnsProblems(spec, path),
    ...spreadProblems(spec, path),
    ...gateProblems(spec, path),
  );
  for (const [index, {conditionType}] of (spec.readinessGates ?? []).entries())
    errors.push(
      ...asInvalid(labelKeyProblems(conditionType), conditionType, `${path}.readinessGates[${index}].conditionType`),
    );
  errors.push(...hostPortProblems(spec, path));
  if (spec.os) errors.push(...oneOf(spec.os.name, ['linux', 'windows'], `${path}.os`));
  return errors;
}

/** A port of the node can be had once. */
function hostPortProblems(spec: PodSpec, path: string): FieldError[] {
  const taken = new Set<string>();
  return (spec.containers ?? []).flatMap(({ports}, index) =>
    (ports ?? []).flatMap(({hostPort, hostIP = '', protocol}, position) => {
      if (!hostPort) return [];
      const key = `${protocol}/${hostIP}/${hostPort}`;
      const at = `${path}.containers[${index}].ports[${position}].hostPort`;
      if (taken.has(key)) return [fieldErrors.duplicate(at, key)];
      taken.add(key);
      return [];
    }),
  );
}

function dnsProblems({dnsPolicy, dnsConfig}: PodSpec, path: string): FieldError[] {
  const at = `${path}.dnsConfig`;
  const servers = dnsConfig?.nameservers ?? [];
  const errors: FieldError[] = [];
  if (dnsPolicy === 'None' && !dnsConfig)
    errors.push(fieldErrors.required(at, 'must provide `dnsConfig` when `dnsPolicy` is None'));
  else if (dnsPolicy === 'None' && servers.length === 0)
    errors.push(
      fieldErrors.required(`${at}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
    );
  for (const [index, address] of servers.entries())
    if (!isIpAddress(address)) errors.push(fieldErrors.invalid(`${at}.nameservers[${index}]`, address, IP_ADDRESS));
  return errors;
}

const IP_ADDRESS = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function tolerationsProblems(tolerations: readonly Toleration[] | undefined, path: string): FieldError[] {
  return (tolerations ?? []).flatMap(({key, operator, value, effect, tolerationSeconds}, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (key) errors.push(...asInvalid(labelKeyProblems(key), key, `${at}.key`));
    else if (operator !== 'Exists')
      errors.push(
        fieldErrors.invalid(
          `${at}.operator`,
          operator ?? '',
          'operator must be Exists when `key` is empty, which means "match all values and all keys"',
        ),
      );
    if (tolerationSeconds !== undefined && effect !== 'NoExecute')
      errors.push(
        fieldErrors.invalid(`${at}.effect`, effect ?? '', "effect must be 'NoExecute' when `tolerationSeconds` is set"),
      );
    if (operator === undefined || operator === 'Equal')
      errors.push(...asInvalid(labelValueProblems(value ?? ''), value ?? '', `${at}.operator`));
    else if (operator === 'Exists') {
      if (value)
        errors.push(fieldErrors.invalid(`${at}.operator`, value, "value must be empty when `operator` is 'Exists'"));
    } else errors.push(fieldErrors.notSupported(`${at}.operator`, operator, ['Equal', 'Exists']));
    if (effect) errors.push(...oneOf(effect, effects, `${at}.effect`));
    return errors;
  });
}

function spreadProblems(spec: PodSpec, path: string): FieldError[] {
  return (spec.topologySpreadConstraints ?? []).flatMap(
    ({maxSkew, topologyKey, whenUnsatisfiable, labelSelector: selector}, index) => {
      const at = `${path}.topologySpreadConstraints[${index}]`;
      return [
        ...(maxSkew > 0 ? [] : [fieldErrors.invalid(`${at}.maxSkew`, maxSkew, 'must be greater than zero')]),
        ...(topologyKey
          ? asInvalid(labelKeyProblems(topologyKey), topologyKey, `${at}.topologyKey`)
          : [fieldErrors.required(`${at}.topologyKey`, 'can not be empty')]),
        ...oneOf(whenUnsatisfiable, ['DoNotSchedule', 'ScheduleAnyway'], `${at}.whenUnsatisfiable`),
        ...labelSelector(selector, `${at}.labelSelector`),
      ];
    },
  );
}

function gateProblems(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, {name}] of (spec.schedulingGates ?? []).entries()) {
    const at = `${path}.schedulingGates[${index}]`;
    errors.push(...asInvalid(labelKeyProblems(name), name, at));
    if (names.has(name)) errors.push(fieldErrors.duplicate(at, name));
    names.add(name);
  }
  if (spec.nodeName && names.size > 0)
    errors.push(fieldErrors.forbidden(`${path}.nodeName`, 'cannot be set until all schedulingGates have been cleared'));
  return errors;
}

/** Checks a template of Pods. */
export function podTemplateProblems(template: PodTemplateSpec, path: string): FieldError[] {
  return [
    ...labels(template.metadata?.labels, `${path}.labels`),
    // Keys of annotations may have capitals where they are compared.
    ...Object.keys(template.metadata?.annotations ?? {}).flatMap((key) =>
      asInvalid(labelKeyProblems(key.toLowerCase()), key, `${path}.annotations`),
    ),
    ...podSpecProblems(template.spec ?? {containers: []}, `${path}.spec`),
  ];
}

const UPDATABLE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Checks what a write of a Pod changes: nearly nothing of its spec may change. */
export function podUpdateProblems(pod: Pod, old: Pod): FieldError[] {
  const [spec, before] = [pod.spec, old.spec];
  if (!spec || !before) return [];
  const errors: FieldError[] = [];
  for (const key of ['containers', 'initContainers'] as const) {
    if ((spec[key] ?? []).length !== (before[key] ?? []).length)
      return [
        fieldErrors.forbidden(
          `spec.${key}`,
          `pod updates may not add or remove ${key === 'containers' ? 'containers' : 'init containers'}`,
        ),
      ];
    for (const [index, {image}] of (spec[key] ?? []).entries())
      if (!image) errors.push(fieldErrors.required(`spec.${key}[${index}].image`));
  }
  if (spec.activeDeadlineSeconds !== before.activeDeadlineSeconds) {
    const path = 'spec.activeDeadlineSeconds';
    if (spec.activeDeadlineSeconds === undefined)
      errors.push(fieldErrors.invalid(path, null, 'must not update from a positive integer to nil value'));
    else {
      const wrong = inRange(spec.activeDeadlineSeconds, 1, 2_147_483_647, path);
      errors.push(...wrong);
      if (wrong.length === 0 && spec.activeDeadlineSeconds > (before.activeDeadlineSeconds ?? Infinity))
        errors.push(
          fieldErrors.invalid(path, spec.activeDeadlineSeconds, 'must be less than or equal to previous value'),
        );
    }
  }
  for (const [index, gate] of (spec.schedulingGates ?? []).entries()) {
    if (!(before.schedulingGates ?? []).some(({name}) => name === gate.name))
      errors.push(
        fieldErrors.forbidden(
          `spec.schedulingGates[${index}].name`,
          "only deletion is allowed, but found new scheduling gate '" + gate.name + "'",
        ),
      );
  }
  errors.push(...tolerationUpdateProblems(spec, before));
  if (errors.length > 0) return errors;
  return sameJson(unchangeable(spec, before), unchangeable(before, before))
    ? []
    : [fieldErrors.forbidden('spec', UPDATABLE)];
}

/** Tolerations may be added; of those that are there, only the seconds may change. */
function tolerationUpdateProblems(spec: PodSpec, before: PodSpec): FieldError[] {
  const same = (a: Toleration, b: Toleration): boolean =>
    sameJson({...a, tolerationSeconds: 0}, {...b, tolerationSeconds: 0});
  const kept = (before.tolerations ?? []).every((old) => (spec.tolerations ?? []).some((each) => same(each, old)));
  if (!kept)
    return [
      fieldErrors.forbidden('spec.tolerations', 'existing toleration can not be modified except its tolerationSeconds'),
    ];
  return sameJson(spec.tolerations ?? [], before.tolerations ?? [])
    ? []
    : tolerationsProblems(spec.tolerations, 'spec.tolerations');
}

/** The spec with all that may be changed as it was before. */
function unchangeable(spec: PodSpec, before: PodSpec): unknown {
  const {
    activeDeadlineSeconds: _deadline,
    tolerations: _tolerations,
    schedulingGates: _gates,
    terminationGracePeriodSeconds: grace,
    ...rest
  } = spec;
  const images = (own: PodSpec['containers'] | undefined, old: PodSpec['containers'] | undefined): unknown =>
    (own ?? []).map((container, index) => ({...container, image: old?.[index]?.image}));
  const gated = (before.schedulingGates ?? []).length > 0;
  const oldGrace = before.terminationGracePeriodSeconds;
  return {
    ...rest,
    // While a Pod may not be scheduled yet, where it may run can still be said more closely.
    ...(gated && {nodeSelector: null, affinity: null}),
    containers: images(spec.containers, before.containers),
    initContainers: images(spec.initContainers, before.initContainers),
    terminationGracePeriodSeconds: (oldGrace ?? 0) < 0 && grace === 1 ? oldGrace : grace,
  };
}

/** Checks what a write of a Pod's status changes. */
export function podStatusProblems({status}: Pod, old: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if (old.status?.qosClass && status?.qosClass !== old.status.qosClass)
    errors.push(fieldErrors.invalid('status.qosClass', status?.qosClass, 'field is immutable'));
  for (const [index, {ip = ''}] of (status?.podIPs ?? []).entries())
    if (!isIpAddress(ip)) errors.push(fieldErrors.invalid(`status.podIPs[${index}]`, ip, IP_ADDRESS));
  return errors;
}
