import type {Container, PodSpec, SecurityContext} from 'kubernetes-types/core/v1.d.ts';

/** User and group of both containers where the template names none. */
const DEFAULT_ID = 65_532;

/** Who runtimed and the container `runtime` run as: they share files and a socket, so it is the same for both. */
export interface Identity {
  readonly runAsUser: number;
  readonly runAsGroup: number;
}

/** As the container `runtime` would run by its template; what the template leaves open is {@link DEFAULT_ID}. */
export function identityOf(spec: PodSpec, server: Container | undefined): Identity {
  return {
    runAsUser: server?.securityContext?.runAsUser ?? spec.securityContext?.runAsUser ?? DEFAULT_ID,
    runAsGroup: server?.securityContext?.runAsGroup ?? spec.securityContext?.runAsGroup ?? DEFAULT_ID,
  };
}

/** Of our own container: everything off that it does not need. */
export function runtimedSecurity(identity: Identity): SecurityContext {
  return {
    ...identity,
    runAsNonRoot: identity.runAsUser !== 0,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: {drop: ['ALL']},
    seccompProfile: {type: 'RuntimeDefault'},
  };
}

/**
 * Of the user's container: what the template says, for the container or for the Pod, stands; the rest is as strict as Pod Security
 * `restricted` wants it.
 */
export function runtimeSecurity(spec: PodSpec, server: Container, identity: Identity): SecurityContext {
  const own = server.securityContext ?? {};
  const pod = spec.securityContext ?? {};
  return {
    ...(!needsEscalation(own) && {allowPrivilegeEscalation: false}),
    ...(pod.seccompProfile === undefined && {seccompProfile: {type: 'RuntimeDefault'}}),
    ...(pod.runAsNonRoot === undefined && {runAsNonRoot: identity.runAsUser !== 0}),
    ...identity,
    ...own,
    capabilities: {drop: ['ALL'], ...own.capabilities},
  };
}

/** Containers to which the API server does not let us deny it. */
function needsEscalation({privileged, capabilities}: SecurityContext): boolean {
  const added = capabilities?.add ?? [];
  return privileged === true || added.some((name) => ['SYS_ADMIN', 'CAP_SYS_ADMIN', 'ALL'].includes(name));
}
