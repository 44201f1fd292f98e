import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Clock} from './clock.ts';
import {ApiError, ReconcilerKitError} from './errors.ts';
import type {LeaseSource} from './leader-election.ts';

export type Fault = 'none' | 'refused' | 'answer lost' | 'hangs';

/** Asked for each request: how long each way takes, and what goes wrong. */
export type Network = () => {thereMs: number; backMs: number; fault: Fault};

/** One Lease with optimistic locking, behind networks that are slow and lose things. */
export class LeaseServer {
  readonly #clock: Clock;
  #version = 0;
  lease: Lease | undefined;
  requests = 0;
  /** The network of {@link leases}. */
  network: Network = () => ({thereMs: 0, backMs: 0, fault: 'none'});
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  readonly leases = this.leasesThrough(() => this.network());
  readonly source: LeaseSource = {kind: () => this.leases};

  leasesThrough(network: Network): ReturnType<LeaseSource['kind']> {
    return {
      get: (_name, options) => this.#exchange(network, options?.signal, () => this.#stored()),
      create: (lease, options) =>
        this.#exchange(network, options?.signal, () => {
          if (this.lease) throw answer(409, 'AlreadyExists');
          return this.#store(lease);
        }),
      update: (lease, options) =>
        this.#exchange(network, options?.signal, () => {
          if (lease.metadata?.resourceVersion !== this.#stored().metadata?.resourceVersion)
            throw answer(409, 'Conflict');
          return this.#store(lease);
        }),
    };
  }

  #stored(): Lease {
    if (!this.lease) throw answer(404, 'NotFound');
    return this.lease;
  }

  #store(lease: Lease): Lease {
    this.#version += 1;
    this.lease = {...lease, metadata: {...lease.metadata, resourceVersion: String(this.#version)}};
    return this.lease;
  }

  async #exchange(network: Network, signal: AbortSignal | undefined, effect: () => Lease): Promise<Lease> {
    this.requests += 1;
    const {thereMs, backMs, fault} = network();
    // What is on its way to the server arrives, even if the sender gives up.
    const aborted = Promise.withResolvers<never>();
    signal?.addEventListener('abort', () => aborted.reject(signal.reason), {once: true});
    const exchange = async (): Promise<Lease> => {
      if (thereMs > 0) await this.#clock.sleep(thereMs);
      if (fault === 'hangs') return await new Promise(() => {});
      if (fault === 'refused') throw new ReconcilerKitError('CONNECTION_FAILED', 'refused');
      const lease = effect();
      if (backMs > 0) await this.#clock.sleep(backMs);
      if (fault === 'answer lost') throw new ReconcilerKitError('CONNECTION_FAILED', 'reset');
      return lease;
    };
    return await Promise.race([exchange(), aborted.promise]);
  }
}

function answer(status: number, reason: string): ApiError {
  return new ApiError({status, body: {reason}});
}
