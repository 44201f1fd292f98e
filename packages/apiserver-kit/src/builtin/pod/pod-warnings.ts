import type {Container, PodSpec} from 'kubernetes-types/core/v1.js';
import {labelProblems} from '../../registry/name-rules.ts';
import {parseQuantity} from '../quantity.ts';

/** Labels of nodes that have other names now. */
const renamedLabels: Readonly<Record<string, readonly [since: string, name: string]>> = {
  'beta.kubernetes.io/arch': ['v1.14', 'kubernetes.io/arch'],
  'beta.kubernetes.io/os': ['v1.14', 'kubernetes.io/os'],
  'failure-domain.beta.kubernetes.io/region': ['v1.17', 'topology.kubernetes.io/region'],
  'failure-domain.beta.kubernetes.io/zone': ['v1.17', 'topology.kubernetes.io/zone'],
  'beta.kubernetes.io/instance-type': ['v1.17', 'node.kubernetes.io/instance-type'],
};

/** What is good, but hardly what was meant. @param path of the spec */
export function podWarnings(spec: PodSpec, path: string): string[] {
  const warnings: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const renamed = Object.hasOwn(renamedLabels, key) ? renamedLabels[key] : undefined;
    if (renamed)
      warnings.push(`${path}.nodeSelector[${key}]: deprecated since ${renamed[0]}; use "${renamed[1]}" instead`);
  }
  for (const [index, {labelSelector}] of (spec.topologySpreadConstraints ?? []).entries())
    if (!labelSelector)
      warnings.push(
        `${path}.topologySpreadConstraints[${index}].labelSelector: a null labelSelector results in matching no pod`,
      );
  warnings.push(...repeated(spec.hostAliases, 'ip', `${path}.hostAliases`));
  warnings.push(...repeated(spec.imagePullSecrets, 'name', `${path}.imagePullSecrets`));
  for (const [index, {name}] of (spec.imagePullSecrets ?? []).entries())
    if (!name) warnings.push(`${path}.imagePullSecrets[${index}].name: invalid empty name ""`);
  for (const [index, container] of (spec.initContainers ?? []).entries())
    warnings.push(...containerWarnings(container, `${path}.initContainers[${index}]`));
  for (const [index, container] of (spec.containers ?? []).entries())
    warnings.push(...containerWarnings(container, `${path}.containers[${index}]`));
  return warnings;
}

function repeated<K extends string>(
  items: readonly {[key in K]?: string}[] | undefined,
  key: K,
  path: string,
): string[] {
  const seen = new Set<string>();
  const warnings: string[] = [];
  for (const [index, {[key]: value}] of (items ?? []).entries()) {
    if (!value) continue;
    if (seen.has(value)) warnings.push(`${path}[${index}].${key}: duplicate ${key} ${JSON.stringify(value)}`);
    seen.add(value);
  }
  return warnings;
}

function containerWarnings({env, ports, resources}: Container, path: string): string[] {
  const warnings: string[] = [];
  for (const list of ['limits', 'requests'] as const)
    for (const name of ['memory', 'ephemeral-storage'])
      warnings.push(...fractionWarning(resources?.[list]?.[name], `${path}.resources.${list}[${name}]`));
  const names = new Set<string>();
  for (const [index, {name}] of (env ?? []).entries()) {
    if (names.has(name))
      warnings.push(
        `${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`,
      );
    names.add(name);
  }
  const known = new Map<string, number>();
  for (const [index, {containerPort, protocol}] of (ports ?? []).entries()) {
    const key = `${protocol}/${containerPort}`;
    const first = known.get(key);
    if (first === undefined) known.set(key, index);
    else warnings.push(`${path}.ports[${index}]: duplicate port definition with ${path}.ports[${first}]`);
  }
  return warnings;
}

/** Of an amount of bytes that is not a whole number of them. */
export function fractionWarning(amount: string | undefined, path: string): string[] {
  const nanos = amount === undefined ? 0n : (parseQuantity(amount)?.nanos ?? 0n);
  return nanos % 1_000_000_000n === 0n
    ? []
    : [`${path}: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`];
}

/** Of a name that is no good for a host. @param whose hostname it becomes: `the Pod's hostname`, `Pod names and hostnames` */
export function hostnameWarnings(name: string, whose: string): string[] {
  const problems = labelProblems(name);
  if (name === '' || problems.length === 0) return [];
  return [
    `metadata.name: this is used in ${whose}, which can result in surprising behavior; a DNS label is recommended: [${problems.join(' ')}]`,
  ];
}
