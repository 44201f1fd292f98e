import type {Pod} from 'kubernetes-types/core/v1.d.ts';

/** Addresses that are known before they stand in the status. */
export interface PodAddresses {
  podIP: string;
  hostIP: string;
}

/**
 * The value of a `fieldRef`, or undefined for a path that Kubernetes does not offer.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
 */
export function podField(pod: Pod, fieldPath: string, addresses: PodAddresses): string | undefined {
  const {metadata = {}, spec} = pod;
  const [, map, key = ''] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (map !== undefined) return metadata[map as 'labels' | 'annotations']?.[key] ?? '';
  switch (fieldPath) {
    case 'metadata.name':
      return metadata.name;
    case 'metadata.namespace':
      return metadata.namespace;
    case 'metadata.uid':
      return metadata.uid;
    case 'metadata.labels':
      return mapLines(metadata.labels);
    case 'metadata.annotations':
      return mapLines(metadata.annotations);
    case 'spec.nodeName':
      return spec?.nodeName;
    case 'spec.serviceAccountName':
      return spec?.serviceAccountName;
    case 'status.podIP':
    case 'status.podIPs':
      return addresses.podIP;
    case 'status.hostIP':
    case 'status.hostIPs':
      return addresses.hostIP;
    default:
      return undefined;
  }
}

/** As the downward API writes maps into files. */
function mapLines(map: Record<string, string> = {}): string {
  const entries = Object.entries(map).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.map(([key, value]) => `${key}=${JSON.stringify(value)}\n`).join('');
}
