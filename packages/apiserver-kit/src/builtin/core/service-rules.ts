import type {Service, ServicePort, ServiceSpec} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {jsonEqual} from '../../json/json-equal.ts';
import {labelProblems, subdomainProblems} from '../../registry/name-rules.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, statusIsolation} from '../status-isolation.ts';
import {serviceTable} from '../tables/core-tables.ts';
import {
  asInvalid,
  goStruct,
  isIpAddress,
  isIpv4,
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
        if (isStatusWrite(context)) return;
        const before = (old as Service).spec;
        if (spec?.type !== 'LoadBalancer') object['status'] = {loadBalancer: {}};
        if (spec) allocate(spec, before, addresses);
      },
      warnings: (object) => serviceWarnings(object as Service),
      validate: (object, old, context) =>
        isStatusWrite(context)
          ? serviceStatusProblems(object as Service)
          : serviceProblems(object as Service, old as Service | undefined, addresses),
    },
  };
}

function serviceWarnings({spec}: Service): string[] {
  const warnings: string[] = [];
  const headless = spec?.clusterIP === 'None';
  if (headless && spec?.sessionAffinity === 'ClientIP')
    warnings.push('spec.SessionAffinity is ignored for headless services');
  if ((spec?.externalIPs ?? []).length > 0)
    warnings.push('spec.externalIPs is deprecated and may no longer be implemented in some clusters');
  if (spec?.externalName && spec.type !== 'ExternalName')
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"');
  if (spec?.trafficDistribution === 'PreferClose')
    warnings.push('spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"');
  return warnings;
}

function serviceStatusProblems({spec, status}: Service): FieldError[] {
  if (spec?.type === 'LoadBalancer' || (status?.loadBalancer?.ingress ?? []).length === 0) return [];
  return [fieldErrors.forbidden('status.loadBalancer.ingress', "may only be used when `spec.type` is 'LoadBalancer'")];
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
  if (spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0)
    spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
}

/** Gives what the type needs and is not there; takes over from before what was given then. */
function allocate(spec: ServiceSpec, before: ServiceSpec | undefined, addresses: ServiceAddresses): void {
  if (before) dropOfType(spec, before);
  if (!types.includes(spec.type ?? '') || spec.type === 'ExternalName') return;
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
  if (!wanted || spec.clusterIP === 'None') return;
  for (const port of spec.ports ?? []) {
    const old = before?.ports?.find((each) => each.port === port.port && each.protocol === port.protocol);
    port.nodePort ??= old?.nodePort ?? addresses.nextNodePort();
  }
}

/** What only the type had that a Service had before goes with it, where the writer did not change it. */
function dropOfType(spec: ServiceSpec, before: ServiceSpec): void {
  const hadPorts = before.type === 'NodePort' || before.type === 'LoadBalancer';
  const hasPorts = spec.type === 'NodePort' || spec.type === 'LoadBalancer';
  if (before.type !== 'ExternalName' && spec.type === 'ExternalName') {
    if (spec.clusterIP === before.clusterIP) delete (spec as Partial<ServiceSpec>).clusterIP;
    if (jsonEqual(spec.clusterIPs, before.clusterIPs)) delete spec.clusterIPs;
    if (jsonEqual(spec.ipFamilies, before.ipFamilies)) delete spec.ipFamilies;
    if (spec.ipFamilyPolicy === before.ipFamilyPolicy) delete spec.ipFamilyPolicy;
    if (spec.internalTrafficPolicy === before.internalTrafficPolicy) delete spec.internalTrafficPolicy;
  }
  if (hadPorts && !hasPorts) {
    for (const [index, port] of (spec.ports ?? []).entries())
      if (port.nodePort !== undefined && port.nodePort === before.ports?.[index]?.nodePort) delete port.nodePort;
    if (spec.externalTrafficPolicy === before.externalTrafficPolicy) delete spec.externalTrafficPolicy;
  }
  if (before.type === 'LoadBalancer' && spec.type !== 'LoadBalancer') {
    if (spec.allocateLoadBalancerNodePorts === before.allocateLoadBalancerNodePorts)
      delete spec.allocateLoadBalancerNodePorts;
  }
}

function serviceProblems(
  {spec, metadata}: Service,
  old: Service | undefined,
  addresses: ServiceAddresses,
): FieldError[] {
  if (!spec) return [];
  const errors: FieldError[] = [];
  const headless = spec.clusterIP === 'None';
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !headless && spec.type !== 'ExternalName') errors.push(fieldErrors.required('spec.ports'));
  if (spec.type === 'ExternalName') {
    if (spec.clusterIPs?.length || spec.clusterIP)
      errors.push(fieldErrors.forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
    const name = (spec.externalName ?? '').replace(/\.$/, '');
    if (name === '') errors.push(fieldErrors.required('spec.externalName'));
    else errors.push(...asInvalid(subdomainProblems(name), name, 'spec.externalName'));
  }
  if (headless && (spec.type === 'NodePort' || spec.type === 'LoadBalancer'))
    errors.push(
      fieldErrors.invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`),
    );
  errors.push(...portsProblems(ports, spec.type === 'ClusterIP'));
  errors.push(...labels(spec.selector, 'spec.selector'));
  errors.push(...oneOf(spec.sessionAffinity, ['ClientIP', 'None'], 'spec.sessionAffinity'));
  const timeout = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (timeout !== undefined && (timeout <= 0 || timeout > DAY_SECONDS)) {
    const why = `must be greater than 0 and less than ${DAY_SECONDS}`;
    errors.push(fieldErrors.invalid('spec.sessionAffinityConfig.clientIP.timeoutSeconds', timeout, why));
  }
  errors.push(...trafficProblems(spec));
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
  const asked = spec.clusterIP ?? '';
  // An address is taken at last: when nothing else is wrong.
  if (errors.length === 0 && asked !== '' && asked !== 'None' && asked !== before?.clusterIP && isIpv4(asked)) {
    const problem = addresses.problemOf(asked, {namespace: metadata?.namespace ?? '', name: metadata?.name ?? ''});
    if (problem !== undefined && before === undefined)
      errors.push(fieldErrors.invalid('spec.clusterIPs', spec.clusterIPs, problem));
  }
  const kept = before && before.type !== 'ExternalName' && spec.type !== 'ExternalName' && before.clusterIP;
  if (kept && spec.clusterIP !== before.clusterIP)
    errors.push(fieldErrors.invalid('spec.clusterIPs[0]', spec.clusterIPs, 'may not change once set'));
  return errors;
}

const policies = ['Cluster', 'Local'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

function trafficProblems(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0;
  const {externalTrafficPolicy, internalTrafficPolicy, healthCheckNodePort, ipFamilyPolicy} = spec;
  if (externalTrafficPolicy !== undefined) {
    const path = 'spec.externalTrafficPolicy';
    if (external) errors.push(...oneOf(externalTrafficPolicy, policies, path));
    else
      errors.push(
        fieldErrors.invalid(path, externalTrafficPolicy, 'may only be set for externally-accessible services'),
      );
  }
  if (healthCheckNodePort && (spec.type !== 'LoadBalancer' || externalTrafficPolicy !== 'Local'))
    errors.push(
      fieldErrors.invalid(
        'spec.healthCheckNodePort',
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  if (internalTrafficPolicy !== undefined)
    errors.push(...oneOf(internalTrafficPolicy, policies, 'spec.internalTrafficPolicy'));
  if (ipFamilyPolicy !== undefined) errors.push(...oneOf(ipFamilyPolicy, familyPolicies, 'spec.ipFamilyPolicy'));
  return errors;
}

function portsProblems(ports: readonly ServicePort[], internal: boolean): FieldError[] {
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
    if (nodePort !== undefined && internal)
      errors.push(fieldErrors.forbidden(`${at}.nodePort`, "may not be used when `type` is 'ClusterIP'"));
    const key = `${protocol}/${port}`;
    if (numbers.has(key)) {
      // Shown with the names of Go's fields.
      const shown = {Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0};
      errors.push(fieldErrors.duplicate(at, goStruct(shown)));
    }
    numbers.add(key);
  }
  return errors;
}
