import type {Service} from 'kubernetes-types/core/v1.js';
import {StatusError} from '../../errors/status-error.ts';

/** Where the Services are that have addresses already. */
export type ServiceList = () => readonly Service[];

/** An IPv4 range, and the range of node ports. */
export interface AddressRanges {
  /** Such as `10.0.0.0/24`. */
  clusterIps: string;
  /** Both inclusive. */
  nodePorts: readonly [number, number];
}

/** kube-apiserver's own ranges, but for one that is small enough to be searched. */
export const defaultRanges: AddressRanges = {clusterIps: '10.0.0.0/24', nodePorts: [30_000, 32_767]};

/** Gives Services addresses that no other has. The ranges are gone through in turn, so that what was given just now is not given again. */
export class ServiceAddresses {
  readonly #services: ServiceList;
  readonly #range: string;
  readonly #first: number;
  readonly #count: number;
  readonly #nodePorts: readonly [number, number];
  #lastIp = 0;
  #lastPort = 0;

  constructor(services: ServiceList, {clusterIps, nodePorts}: AddressRanges) {
    this.#services = services;
    const [address = '', bits = '24'] = clusterIps.split('/');
    this.#range = clusterIps;
    this.#first = numberOf(address);
    // Neither the network's own address, nor the first (the API server's), nor the last (broadcast).
    this.#count = 2 ** (32 - Number(bits)) - 3;
    this.#nodePorts = nodePorts;
  }

  /** What is wrong with an address that somebody asks for; undefined: nothing. `service` has it already, perhaps. */
  problemOf(address: string, service: {namespace: string; name: string}): string | undefined {
    const number = numberOf(address);
    if (number <= this.#first || number > this.#first + this.#count + 1) {
      return `failed to allocate IP ${address}: the provided IP (${address}) is not in the valid range. The range of valid IPs is ${this.#range}`;
    }
    const taken = this.#services().some(
      ({metadata, spec}) =>
        (metadata?.namespace !== service.namespace || metadata.name !== service.name) &&
        spec?.clusterIPs?.includes(address),
    );
    return taken ? `failed to allocate IP ${address}: provided IP is already allocated` : undefined;
  }

  /** @throws StatusError 500 where all are taken */
  nextClusterIp(): string {
    const taken = new Set(this.#services().flatMap(({spec}) => spec?.clusterIPs ?? []));
    for (let tries = 0; tries < this.#count; tries++) {
      this.#lastIp = (this.#lastIp + 1) % this.#count;
      const number = this.#first + 2 + this.#lastIp;
      const address = [24, 16, 8, 0].map((shift) => Math.trunc(number / 2 ** shift) % 256).join('.');
      if (!taken.has(address)) return address;
    }
    throw full('failed to allocate a serviceIP: range is full');
  }

  /** @throws StatusError 500 where all are taken */
  nextNodePort(): number {
    const taken = new Set(this.#services().flatMap(({spec}) => (spec?.ports ?? []).map(({nodePort}) => nodePort)));
    const [from, to] = this.#nodePorts;
    for (let tries = from; tries <= to; tries++) {
      this.#lastPort = (this.#lastPort + 1) % (to - from + 1);
      if (!taken.has(from + this.#lastPort)) return from + this.#lastPort;
    }
    throw full('failed to allocate a nodePort: range is full');
  }
}

function full(what: string): StatusError {
  return new StatusError(500, 'InternalError', `Internal error occurred: ${what}`, {causes: [{message: what}]});
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
