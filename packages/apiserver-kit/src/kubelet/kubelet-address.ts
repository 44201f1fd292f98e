import {StatusError} from '../errors/status-error.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';

export const nodeAddressTypes = ['Hostname', 'InternalDNS', 'InternalIP', 'ExternalDNS', 'ExternalIP'] as const;
export type NodeAddressType = (typeof nodeAddressTypes)[number];

const DEFAULT_PORT = 10_250;

export interface KubeletAddress {
  host: string;
  port: number;
}

/**
 * Where the kubelet of a Node listens, as the Node says in its status.
 *
 * @param preferred kinds of addresses, the best one first
 * @throws StatusError 500 where it has none of these
 */
export function kubeletAddress(node: KubeObject, preferred: readonly NodeAddressType[]): KubeletAddress {
  const status = objectIn(node['status']);
  const addresses = Array.isArray(status['addresses']) ? status['addresses'].filter(isJsonObject) : [];
  const found = preferred
    .map((type) => addresses.find((address) => address['type'] === type))
    .find((address) => address !== undefined);
  const host = found?.['address'];
  if (typeof host !== 'string') {
    const known = addresses.map(({type, address}) => `{${text(type)} ${text(address)}}`).join(' ');
    throw new StatusError(500, '', `no preferred addresses found; known addresses: [${known}]`);
  }
  const port = objectIn(objectIn(status['daemonEndpoints'])['kubeletEndpoint'])['Port'];
  return {host, port: typeof port === 'number' && port > 0 ? port : DEFAULT_PORT};
}

function objectIn(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function text(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
