import type {Run, Runtime} from '@kruntimes/api-types';
import type {Lookup} from '../lookup.ts';
import type {PodState} from '../run-explanation.ts';

/** A Lease, as far as it tells whether its holder lives. */
export interface LeaseState {
  metadata?: {name?: string; namespace?: string};
  spec?: {holderIdentity?: string; leaseDurationSeconds?: number; renewTime?: string};
}

export interface ConditionState {
  type: string;
  status: string;
  reason?: string;
  message?: string;
}

export interface CrdState {
  spec: {versions: readonly {name: string; served: boolean}[]};
  status?: {conditions?: readonly ConditionState[] | undefined};
}

export interface PolicyBindingState {
  metadata?: {name?: string};
  spec?: {
    policyName?: string;
    validationActions?: readonly string[];
    matchResources?: {namespaceSelector?: {matchLabels?: Readonly<Record<string, string>>}};
  };
}

/** One request that was timed. */
export interface TimedAnswer {
  /** 200, 429 ... */
  status: number;
  /** Milliseconds until the headers. */
  ms: number;
  /** The server's clock, from its header Date, less that of this machine; in whole seconds, and so exact to about one. */
  skewMs?: number | undefined;
  /** Whether API Priority and Fairness classified it. */
  fair: boolean;
}

/** Something krt does, and the permission that it needs for it. */
export interface Permission {
  verb: string;
  group: string;
  resource: string;
  subresource?: string | undefined;
  /** What cannot be done without. */
  for: string;
}

/** All that `krt doctor` has found out. */
export interface Installation {
  server: string;
  namespace: string;
  /** Where the control plane is looked for, when Leases of all namespaces may not be listed. */
  systemNamespace: string;
  /** `gitVersion`, such as v1.36.3. */
  kubernetes: Lookup<string>;
  answers: readonly TimedAnswer[];
  /** Milliseconds since the epoch by the server's clock. */
  serverNowMs: number;
  crds: readonly {name: string; crd: Lookup<CrdState>}[];
  /** Versions of kruntimes.io that are served; empty: none. */
  served: readonly string[];
  /** Fields that this krt knows and the cluster's schema has not, such as `Run.spec.priority`. */
  missingFields: Lookup<readonly string[]>;
  permissions: readonly {permission: Permission; allowed: Lookup<boolean>}[];
  /** Leases of leader elections, wherever they may be. */
  elections: Lookup<readonly LeaseState[]>;
  namespaceLabels: Lookup<Readonly<Record<string, string>>>;
  runtimes: Lookup<readonly Runtime[]>;
  pods: Lookup<readonly PodState[]>;
  podLeases: Lookup<readonly LeaseState[]>;
  policies: Lookup<readonly string[]>;
  bindings: Lookup<readonly PolicyBindingState[]>;
  /** Of the namespace. */
  pendingRuns: Lookup<readonly Run[]>;
}
