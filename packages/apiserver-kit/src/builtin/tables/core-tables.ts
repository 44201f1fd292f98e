import type {
  ConfigMap,
  Event,
  Namespace,
  Node,
  PersistentVolumeClaim,
  Secret,
  Service,
  ServiceAccount,
} from 'kubernetes-types/core/v1.js';
import type {TableLayout} from '../../registry/resource.ts';
import {ageCell} from './age.ts';
import {AGE, bareLayout, labelsCell, NONE, tableLayout} from './layout.ts';

export const configMapTable = tableLayout<ConfigMap>(['Data', 'Age'], ({data, binaryData}) => [
  Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
  AGE,
]);

export const secretTable = tableLayout<Secret>(['Type', 'Data', 'Age'], ({type, data}) => [
  type ?? '',
  Object.keys(data ?? {}).length,
  AGE,
]);

export const namespaceTable = tableLayout<Namespace>(['Status', 'Age'], ({status}) => [status?.phase ?? '', AGE]);

export const serviceAccountTable = tableLayout<ServiceAccount>(['Age'], () => [AGE]);

export const nodeTable = tableLayout<Node>(
  [
    'Status',
    'Roles',
    'Age',
    'Version',
    '*Internal-IP',
    '*External-IP',
    '*OS-Image',
    '*Kernel-Version',
    '*Container-Runtime',
  ],
  (node) => {
    const info = node.status?.nodeInfo;
    const kernel = info?.kernelVersion || '<unknown>';
    return [
      nodeStatus(node),
      nodeRoles(node).join(',') || NONE,
      AGE,
      info?.kubeletVersion ?? '',
      nodeAddress(node, 'InternalIP'),
      nodeAddress(node, 'ExternalIP'),
      info?.osImage || '<unknown>',
      info?.architecture ? `${kernel} (${info.architecture})` : kernel,
      info?.containerRuntimeVersion || '<unknown>',
    ];
  },
);

function nodeStatus({spec, status}: Node): string {
  const ready = status?.conditions?.findLast(({type}) => type === 'Ready');
  const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
  return spec?.unschedulable ? `${state},SchedulingDisabled` : state;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function nodeRoles({metadata}: Node): string[] {
  const roles = new Set<string>();
  for (const [key, value] of Object.entries(metadata?.labels ?? {})) {
    if (key.startsWith(ROLE_PREFIX) && key.length > ROLE_PREFIX.length) roles.add(key.slice(ROLE_PREFIX.length));
    else if (key === 'kubernetes.io/role' && value !== '') roles.add(value);
  }
  return [...roles].toSorted();
}

function nodeAddress({status}: Node, wanted: string): string {
  return status?.addresses?.find(({type}) => type === wanted)?.address ?? NONE;
}

export const serviceTable = tableLayout<Service>(
  ['Type', 'Cluster-IP', 'External-IP', 'Port(s)', 'Age', '*Selector'],
  (service) => [
    service.spec?.type ?? '',
    service.spec?.clusterIPs?.[0] || service.spec?.clusterIP || NONE,
    externalAddress(service),
    (service.spec?.ports ?? [])
      .map(({port, nodePort, protocol}) => `${nodePort ? `${port}:${nodePort}` : port}/${protocol}`)
      .join(',') || NONE,
    AGE,
    labelsCell(service.spec?.selector),
  ],
);

function externalAddress({spec, status}: Service): string {
  const own = spec?.externalIPs ?? [];
  switch (spec?.type) {
    case 'ClusterIP':
    case 'NodePort':
      return own.join(',') || NONE;
    case 'LoadBalancer': {
      const given = (status?.loadBalancer?.ingress ?? []).map(({ip, hostname}) => ip || hostname || '').filter(Boolean);
      return [...[...new Set(given)].toSorted(), ...own].join(',') || '<pending>';
    }
    case 'ExternalName':
      return spec.externalName ?? '';
    default:
      return '<unknown>';
  }
}

const accessModes: readonly [string, string][] = [
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
];

export const volumeClaimTable = tableLayout<PersistentVolumeClaim>(
  ['Status', 'Volume', 'Capacity', 'Access Modes', 'StorageClass', 'VolumeAttributesClass', 'Age', '*VolumeMode'],
  ({metadata, spec, status}) => {
    const bound = (spec?.volumeName ?? '') !== '';
    const modes = accessModes.filter(([mode]) => status?.accessModes?.includes(mode)).map(([, short]) => short);
    return [
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
      spec?.volumeName ?? '',
      bound ? (status?.capacity?.['storage'] ?? '0') : '',
      bound ? modes.join(',') : '',
      metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? '',
      spec?.volumeAttributesClassName ?? '<unset>',
      AGE,
      spec?.volumeMode ?? '<unset>',
    ];
  },
);

const eventColumns = [
  'Last Seen',
  'Type',
  'Reason',
  'Object',
  '*Subobject',
  '*Source',
  'Message',
  '*First Seen',
  '*Count',
  '*Name',
];

export const eventTable: TableLayout = bareLayout<Event>(eventColumns, (event, now) => {
  const {involvedObject, series, source} = event;
  const first = ageCell(event.firstTimestamp ?? event.eventTime, now);
  const last = series
    ? ageCell(series.lastObservedTime, now)
    : event.lastTimestamp
      ? ageCell(event.lastTimestamp, now)
      : first;
  const kind = (involvedObject.kind ?? '').toLowerCase();
  const host = source?.host || event.reportingInstance;
  const component = source?.component || event.reportingComponent || '';
  return [
    last,
    event.type ?? '',
    event.reason ?? '',
    involvedObject.name ? `${kind}/${involvedObject.name}` : kind,
    involvedObject.fieldPath ?? '',
    host ? `${component}, ${host}` : component,
    (event.message ?? '').trim(),
    first,
    series?.count ?? (event.count || 1),
    event.metadata.name ?? '',
  ];
});
