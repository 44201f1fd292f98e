import {
  type DeepReadonly,
  deploymentName,
  MANAGED_BY,
  MANAGED_BY_LABEL,
  RUNTIME_LABEL,
  RUNTIMED_DRAIN_PORT,
  RUNTIMED_HEALTH_PORT,
  RUNTIMED_METRICS_PORT,
  type Runtime,
  runtimeKind,
} from '@kruntimes/api-types';
import {
  type Cache,
  type Client,
  isForbidden,
  isNotFound,
  kinds,
  type Manager,
  type ReconcileRequest,
} from '@kruntimes/reconciler-kit';
import type {NetworkPolicy} from 'kubernetes-types/networking/v1.d.ts';
import {ownerReferenceTo} from './deployment.ts';
import {FIELD_MANAGER} from './field-manager.ts';

export interface RuntimeNetworkPoliciesOptions {
  manager: Manager;
  runtimes: Cache<Runtime>;
  /** False: those that are there are taken away. */
  wanted: boolean;
  /** Watch one namespace only. */
  namespace?: string;
}

/** Keeps one NetworkPolicy for the Pods of each Runtime, which goes with the Runtime. */
export function addRuntimeNetworkPolicies(options: RuntimeNetworkPoliciesOptions): void {
  const {manager, runtimes} = options;
  const policies = manager.cache(kinds.NetworkPolicy, {
    labelSelector: `${RUNTIME_LABEL},${MANAGED_BY_LABEL}=${MANAGED_BY}`,
    ...(options.namespace && {namespace: options.namespace}),
  });
  const reconciler = new NetworkPolicyReconciler({...options, client: manager.client, policies});
  manager
    .controller({name: 'network-policy', reconcile: (request) => reconciler.reconcile(request)})
    .for(runtimes, [{update: () => false}])
    .owns(policies, {ownerKind: runtimeKind});
}

/**
 * Lets nothing in but to the ports of runtimed on the Pod IP: metrics, and health and drain, which the kubelet asks from the node. What goes
 * out is not restricted. Whether it is enforced is for the network of the cluster to say.
 */
export function networkPolicyOf(runtime: DeepReadonly<Runtime>): NetworkPolicy {
  const {name = '', namespace = ''} = runtime.metadata ?? {};
  const ports = [RUNTIMED_METRICS_PORT, RUNTIMED_HEALTH_PORT, RUNTIMED_DRAIN_PORT];
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: {
      name: deploymentName(name),
      namespace,
      labels: {[RUNTIME_LABEL]: name, [MANAGED_BY_LABEL]: MANAGED_BY},
      ownerReferences: [ownerReferenceTo(runtime)],
    },
    spec: {
      podSelector: {matchLabels: {[RUNTIME_LABEL]: name}},
      policyTypes: ['Ingress'],
      ingress: [{ports: ports.map((port) => ({port, protocol: 'TCP'}))}],
    },
  };
}

interface Parts extends RuntimeNetworkPoliciesOptions {
  client: Client;
  policies: Cache<NetworkPolicy>;
}

class NetworkPolicyReconciler {
  readonly #parts: Parts;
  /** Generation of each policy that is as it should be: the API server fills in nothing, but others may write. */
  readonly #applied = new Map<string, string>();

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async reconcile({key}: ReconcileRequest): Promise<void> {
    const {runtimes, policies, wanted} = this.#parts;
    const runtime = runtimes.get(key);
    // Deleted with its Runtime.
    if (runtime === undefined || runtime.metadata?.deletionTimestamp !== undefined) {
      this.#applied.delete(key);
      return;
    }
    const {name = '', namespace = ''} = runtime.metadata ?? {};
    const present = policies.get(`${namespace}/${deploymentName(name)}`);
    if (wanted) await this.#ensure(key, runtime, present);
    else if (present !== undefined) await this.#remove(present);
  }

  async #ensure(
    key: string,
    runtime: DeepReadonly<Runtime>,
    present: DeepReadonly<NetworkPolicy> | undefined,
  ): Promise<void> {
    if (present !== undefined && this.#applied.get(key) === versionOf(present)) return;
    try {
      const policies = this.#parts.client.kind(kinds.NetworkPolicy);
      const applied = await policies.apply(networkPolicyOf(runtime), {fieldManager: FIELD_MANAGER, force: true});
      this.#applied.set(key, versionOf(applied));
    } catch (error) {
      // Nothing can be made in a namespace that is going, and nothing needs to be.
      if (isForbidden(error) && /being terminated/.test(error.message)) return;
      throw error;
    }
  }

  async #remove({metadata}: DeepReadonly<NetworkPolicy>): Promise<void> {
    const {name = '', namespace, uid} = metadata ?? {};
    try {
      await this.#parts.client.kind(kinds.NetworkPolicy).delete({name, namespace}, {preconditions: {uid}});
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function versionOf({metadata}: DeepReadonly<NetworkPolicy>): string {
  return `${metadata?.uid} ${metadata?.generation}`;
}
