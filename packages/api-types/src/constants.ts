/** The names that every part of kruntimes agrees on. Nothing here may change within v1alpha1: stored objects carry these words. */

/** API group of all kinds. */
export const GROUP = 'kruntimes.io';
/** The served and stored version. */
export const VERSION = 'v1alpha1';
/** `apiVersion` of every object of ours. */
export const API_VERSION = `${GROUP}/${VERSION}` as const;

/** Kind, plural and list names, as the CRDs declare them. */
export const RUN_KIND = 'Run';
export const RUN_PLURAL = 'runs';
export const RUNTIME_KIND = 'Runtime';
export const RUNTIME_PLURAL = 'runtimes';

/** Label on Deployments, Pods, Leases and RBAC objects: the name of the Runtime they belong to. */
export const RUNTIME_LABEL = `${GROUP}/runtime` as const;
/** Label on everything that the controller creates. */
export const MANAGED_BY_LABEL = 'app.kubernetes.io/managed-by';
/** Value of {@link MANAGED_BY_LABEL}. */
export const MANAGED_BY = 'kruntimes';

/** Annotation of the Lease of a scope: which installation runs the Runs there. */
export const INSTALLATION_ANNOTATION = `${GROUP}/installation` as const;

/** Pod condition and readiness gate that runtimed owns. */
export const RUNTIMED_READY_CONDITION = `${GROUP}/RuntimedReady` as const;

/** Container (native sidecar) that runs the node daemon in each Runtime Pod. */
export const RUNTIMED_CONTAINER = 'runtimed';
/** Container of the user's Runtime server. */
export const RUNTIME_CONTAINER = 'runtime';

/** emptyDir of the workspaces, and where it is mounted. */
export const WORKSPACE_VOLUME = 'kruntimes-workspace';
export const WORKSPACE_ROOT = '/workspace';
/** emptyDir of the Runtime server's socket, and where it is mounted. */
export const RUN_VOLUME = 'kruntimes-run';
export const RUN_DIRECTORY = '/run/kruntimes';
/** The Unix socket where Runtime servers listen by default. */
export const RUNTIME_SOCKET = `${RUN_DIRECTORY}/runtime.sock` as const;
/** Projected token, CA and namespace; mounted in runtimed only. */
export const TOKEN_VOLUME = 'kruntimes-token';
export const SERVICE_ACCOUNT_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Volume names with this prefix are reserved in a Runtime's template. */
export const RESERVED_VOLUME_PREFIX = 'kruntimes-';
/** Environment variables with this prefix belong to kruntimes; `spec.env` may not set them. */
export const RESERVED_ENV_PREFIX = 'KRUNTIME_';

/** TCP port of a Runtime server whose template names none. */
export const DEFAULT_RUNTIME_PORT = 19091;
/** Ports of runtimed on the Pod IP. */
export const RUNTIMED_METRICS_PORT = 19092;
export const RUNTIMED_HEALTH_PORT = 19093;
export const RUNTIMED_DRAIN_PORT = 19094;
/** Where the preStop hook of a Runtime Pod asks runtimed to let its Runs end. */
export const DRAIN_PATH = '/drain';

/** ServiceAccount of Runtime Pods whose template names none, and the Role it is bound to; one of each per namespace. */
export const RUNTIMED_SERVICE_ACCOUNT = 'kruntimes-runtimed';
export const RUNTIMED_ROLE = 'kruntimes-runtimed';

/** Environment variables that a Run's program finds. */
export const RUN_ENV = {
  outputs: 'KRUNTIME_OUTPUTS',
  artifactsDirectory: 'KRUNTIME_ARTIFACTS_DIR',
  name: 'KRUNTIME_RUN_NAME',
  namespace: 'KRUNTIME_RUN_NAMESPACE',
  uid: 'KRUNTIME_RUN_UID',
  attempt: 'KRUNTIME_RUN_ATTEMPT',
} as const;

/** File that `source.inline` becomes, and the entrypoint of a Run with an inline source that names none. */
export const INLINE_FILE = 'script';

/** Finalizer of a Run that may have artifacts in a store; there before the first byte, gone when the artifacts are. */
export const ARTIFACTS_FINALIZER = `${GROUP}/artifacts` as const;
/** Name of the artifact that is the log of the attempt; no file of a program may have it. */
export const LOGS_ARTIFACT = 'logs';
/** Volume of a filesystem artifact store, and where runtimed and the maintainer mount it. */
export const ARTIFACTS_VOLUME = 'kruntimes-artifacts';
export const ARTIFACTS_DIRECTORY = '/var/lib/kruntimes/artifacts';
/** Secret of an S3 artifact store, and where it is mounted. */
export const ARTIFACTS_CREDENTIALS_VOLUME = 'kruntimes-artifacts-credentials';
export const ARTIFACTS_CREDENTIALS_DIRECTORY = '/var/run/secrets/kruntimes.io/artifact-store';
/** emptyDir in which runtimed spools logs and archives, mounted in runtimed only. */
export const SPOOL_VOLUME = 'kruntimes-spool';
export const SPOOL_DIRECTORY = '/var/cache/kruntimes/spool';
/** Label on the Deployment and the Pods of a maintainer: the hash of the store that it maintains. */
export const ARTIFACT_STORE_LABEL = `${GROUP}/artifact-store` as const;
/** emptyDir in which runtimed keeps fetched repositories, mounted in runtimed only. */
export const GIT_CACHE_VOLUME = 'kruntimes-git-cache';
export const GIT_CACHE_DIRECTORY = '/var/cache/kruntimes/git';
/** Volume of the Secrets of spec.gitCredentials, and where it is mounted, in runtimed only: each Secret is a directory of its name. */
export const GIT_CREDENTIALS_VOLUME = 'kruntimes-git-credentials';
export const GIT_CREDENTIALS_DIRECTORY = '/var/run/secrets/kruntimes.io/git';
/** Keys of such a Secret: of kubernetes.io/basic-auth, of kubernetes.io/ssh-auth, the host keys of ssh, and authorities in PEM. */
export const GIT_CREDENTIALS_KEYS = ['username', 'password', 'ssh-privatekey', 'known_hosts', 'ca.crt'] as const;
/** TCP port on the loopback of a maintainer's Pod that serves artifacts. */
export const MAINTAINER_PORT = 19095;
/** ServiceAccount of maintainer Pods, and the Role it is bound to; one of each per namespace. */
export const MAINTAINER_SERVICE_ACCOUNT = 'kruntimes-maintainer';
/** Annotation of a Run: `true` gives its artifacts up, so that the Run can be deleted though its store is gone for good. */
export const FORCE_RELEASE_ANNOTATION = `${GROUP}/force-release` as const;

/** Annotation of a Run: W3C `traceparent` of the span that created it. What is none is ignored. */
export const TRACEPARENT_ANNOTATION = `${GROUP}/traceparent` as const;
/** Environment variable in which a program finds the `traceparent` of its attempt, if there is a trace. */
export const TRACEPARENT_ENV = 'TRACEPARENT';

/** The built-in resource: how many Runs a Pod executes at the same time, and how many slots a Run takes. */
export const RUNS_RESOURCE = 'runs';

/** Condition of a Run: False while it waits for a slot, with the reason; True once a Run that had to wait is bound. */
export const SCHEDULED_CONDITION = 'Scheduled';
/** Condition of a Run: True from the terminal write on, with the reason of the end. */
export const FINISHED_CONDITION = 'Finished';
/** Condition of a Run that left artifacts or a log to store: whether all of it is in the store. Written with the end of the Run. */
export const ARTIFACTS_STORED_CONDITION = 'ArtifactsStored';
/** Condition of a Run that is being deleted: False while its artifacts cannot be deleted, with the reason. */
export const ARTIFACTS_DELETED_CONDITION = 'ArtifactsDeleted';

/** Conditions of a Runtime. */
export const ACCEPTED_CONDITION = 'Accepted';
export const AVAILABLE_CONDITION = 'Available';
export const PROGRESSING_CONDITION = 'Progressing';

/** Name of the Deployment of a Runtime. */
export function deploymentName(runtimeName: string): string {
  return `${runtimeName}-runtime`;
}

/** Name of the Deployment that deletes and serves the artifacts of one store in its namespace; see `artifactStoreHash`. */
export function maintainerName(storeHash: string): string {
  return `${MAINTAINER_SERVICE_ACCOUNT}-${storeHash}`;
}

/** Name of the Lease that the runtimed of a Pod renews. */
export function leaseName(podUID: string): string {
  return `kruntimes-${podUID}`;
}

/** Name of the RoleBinding that lets a ServiceAccount do runtimed's work in its namespace. */
export function runtimedRoleBindingName(serviceAccountName: string): string {
  return `kruntimes-runtimed-${serviceAccountName}`;
}
