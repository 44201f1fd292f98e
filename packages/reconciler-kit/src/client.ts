import type {TokenRequest} from 'kubernetes-types/authentication/v1.d.ts';
import type {Kind, KubernetesObject} from './kind.ts';
import {KindClient, type ObjectRef} from './kind-client.ts';
import {type PodLogOptions, podLogs} from './pod-logs.ts';
import type {Transport} from './transport.ts';

export {
  type ApplyOptions,
  type DeleteCollectionOptions,
  type DeleteOptions,
  type GetOptions,
  KindClient,
  type ListOptions,
  type ObjectList,
  type ObjectRef,
  type Patch,
  type Scale,
  type SelectorOptions,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './kind-client.ts';
export type {PodLogOptions} from './pod-logs.ts';

/** Typed access to every kind of one API server. */
export class Client {
  readonly transport: Transport;

  constructor(transport: Transport) {
    this.transport = transport;
  }

  /** The client of one kind; cheap, may be made again for each call. */
  kind<T extends KubernetesObject>(kind: Kind<T>): KindClient<T> {
    return new KindClient(this.transport, kind);
  }

  /**
   * Asks for a token of a service account.
   *
   * @see https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
   */
  createToken(serviceAccount: ObjectRef, spec: Partial<TokenRequest['spec']> = {}): Promise<TokenRequest> {
    return new KindClient<TokenRequest>(this.transport, {
      group: '',
      version: 'v1',
      kind: 'ServiceAccount',
      plural: 'serviceaccounts',
      namespaced: true,
    }).createSubresource(serviceAccount, 'token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec,
    });
  }

  /**
   * The log of a container as bytes. Ends with the container, or at once without `follow`; closes its connection when
   * the iteration is left.
   */
  podLogs(pod: ObjectRef, options: PodLogOptions = {}): AsyncIterable<Uint8Array> {
    return podLogs(this.transport, pod, options);
  }
}
