import type {Service, ServicePort, ServiceSpec} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {jsonEqual} from '../../json/json-equal.ts';
import {labelProblems, subdomainProblems} from '../../registry/name-rules.ts';
import type {BuiltinRules} from '../rules.ts';
import {statusIsolation} from '../status-isolation.ts';
import {serviceTable} from '../tables/core-tables.ts';
import {
  asInvalid,
  inRange,
  isIpAddress,
  labels,
  oneOf,
  portNameProblems,
  portNumber,
} from '../validation/field-rules.ts';
import type {ServiceAddresses} from './service-addresses.ts';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const DAY_SECONDS = 86_400;

/** Services. Who has no address is given one. */
export function serviceRules(addresses: ServiceAddresses): BuiltinRules {
  const isolation = statusIsolation({initial: {loadBalancer: {}}});
  return {
    version: {
      table: serviceTable,
      selectableFields: ['spec.clusterIP', 'spec.type'],
      selectableField: (object, path) =>
        (path === 'spec.type' ? (object as Service).spec?.type : (object as Service).spec?.clusterIP) ?? '',
    },
    defaults: (object) => serviceDefaults(object as Service),
    strategy: {
      returnsDeleted: true,
      validateName: labelProblems,
      prepareForCreate(object) {
        isolation.prepareForCreate(object);
        const {spec} = object as Service;
        if (spec) allocate(spec, undefined, addresses);
      },
      prepareForUpdate(object, old, context) {
        isolation.prepareForUpdate(object, old, context);
        const {spec} = object as Service;
        const before = (old as Service).spec;
        if (spec) allocate(spec, before, addresses);
      },
      validate: (object, old) => serviceProblems(object as Service, old as Service | undefined),
    },
  };
}

function serviceDefaults({spec}: Service): void {
  if (!spec) return;
  spec.sessionAffinity ??= 'None';
  if (spec.sessionAffinity === 'ClientIP') {
    const config = (spec.sessionAffinityConfig ??= {});
    (config.clientIP ??= {}).timeoutSeconds ??= 10_800;
  } else delete spec.sessionAffinityConfig;
  spec.type ??= 'ClusterIP';
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP';
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
  }
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer') spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** Gives what the type needs and is not there; takes over from before what was given then. */
function allocate(spec: ServiceSpec, before: ServiceSpec | undefined, addresses: ServiceAddresses): void {
  if (spec.type === 'ExternalName') return;
  if (before && before.type !== 'ExternalName') {
    spec.clusterIP ??= before.clusterIP!;
    if (spec.clusterIP === before.clusterIP && before.clusterIPs) spec.clusterIPs ??= [...before.clusterIPs];
    spec.ipFamilies ??= [...(before.ipFamilies ?? [])];
    spec.ipFamilyPolicy ??= before.ipFamilyPolicy!;
  }
  if (!spec.clusterIP) spec.clusterIP = spec.clusterIPs?.[0] ?? addresses.nextClusterIp();
  if (before && spec.clusterIP !== before.clusterIP && jsonEqual(spec.clusterIPs, before.clusterIPs))
    delete spec.clusterIPs;
  spec.clusterIPs ??= [spec.clusterIP];
  // Whoever writes the endpoints of a Service without addresses and selector may write those of both families.
  const both = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0;
  spec.ipFamilyPolicy ??= both ? 'RequireDualStack' : 'SingleStack';
  spec.ipFamilies ??= both ? ['IPv4', 'IPv6'] : ['IPv4'];
  const wanted = spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts);
  if (!wanted) return;
  for (const port of spec.ports ?? []) {
    const old = before?.ports?.find((each) => each.port === port.port && each.protocol === port.protocol);
    port.nodePort ??= old?.nodePort ?? addresses.nextNodePort();
  }
}

function serviceProblems({spec}: Service, old: Service | undefined): FieldError[] {
  if (!spec) return [];
  const errors: FieldError[] = [];
  const headless = spec.clusterIP === 'None';
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !headless && spec.type !== 'ExternalName') errors.push(fieldErrors.required('spec.ports'));
  if (spec.type === 'ExternalName') {
    if (spec.clusterIPs?.length)
      errors.push(fieldErrors.forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name === '') errors.push(fieldErrors.required('spec.externalName'));
    else errors.push(...asInvalid(subdomainProblems(name), name, 'spec.externalName'));
  }
  errors.push(...portsProblems(ports, headless));
  errors.push(...labels(spec.selector, 'spec.selector'));
  errors.push(...oneOf(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity'));
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (timeout !== undefined)
    errors.push(...inRange(timeout, 1, DAY_SECONDS, 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'));
  for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === 'None') continue;
    if (!isIpAddress(address))
      errors.push(
        fieldErrors.invalid(
          `spec.clusterIPs[${index}]`,
          address,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      );
  }
  for (const [index, address] of (spec.externalIPs ?? []).entries())
    if (!isIpAddress(address))
      errors.push(
        fieldErrors.invalid(
          `spec.externalIPs[${index}]`,
          address,
          'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        ),
      );
  if (!types.includes(spec.type ?? '')) errors.push(...oneOf(spec.type, types, 'spec.type'));
  const before = old?.spec;
  const kept = before && before.type !== 'ExternalName' && spec.type !== 'ExternalName' && before.clusterIP;
  if (kept && spec.clusterIP !== before.clusterIP)
    errors.push(fieldErrors.invalid('spec.clusterIPs[0]', spec.clusterIPs, 'may not change once set'));
  return errors;
}

function portsProblems(ports: readonly ServicePort[], headless: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const supported = ['SCTP', 'TCP', 'UDP'];
  for (const [index, {name, port, protocol, targetPort, nodePort}] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    if (name) {
      errors.push(...asInvalid(labelProblems(name), name, `${at}.name`));
      if (names.has(name)) errors.push(fieldErrors.duplicate(`${at}.name`, name));
      names.add(name);
    } else if (ports.length > 1) errors.push(fieldErrors.required(`${at}.name`));
    errors.push(...portNumber(port, `${at}.port`));
    errors.push(...oneOf(protocol, supported, `${at}.protocol`));
    if (typeof targetPort === 'number') errors.push(...portNumber(targetPort, `${at}.targetPort`));
    else if (targetPort !== undefined)
      errors.push(...asInvalid(portNameProblems(targetPort), targetPort, `${at}.targetPort`));
    if (nodePort !== undefined && headless)
      errors.push(fieldErrors.forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    const key = `${protocol}/${port}`;
    if (numbers.has(key)) errors.push(fieldErrors.duplicate(at, {name, protocol, port, targetPort}));
    numbers.add(key);
  }
  return errors;
}
