import type {
  Container,
  ContainerState,
  ContainerStatus,
  Pod,
  PodCondition,
  PodStatus,
} from 'kubernetes-types/core/v1.d.ts';

/**
 * `init` runs to its end before the next one starts; a `sidecar` is an init container that stays; an `ephemeral` one was added
 * later, and nothing depends on it.
 */
export type ContainerRole = 'init' | 'sidecar' | 'main' | 'ephemeral';

/** What the node knows of one container. */
export interface ContainerRecord {
  name: string;
  role: ContainerRole;
  image: string;
  state: ContainerState;
  lastState?: ContainerState | undefined;
  restartCount: number;
  /** Running, and its startup probe has passed. */
  started: boolean;
  /** Started, and its readiness probe passes. */
  ready: boolean;
  containerID?: string | undefined;
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export function containerRole(container: Container, isInit: boolean): ContainerRole {
  if (!isInit) return 'main';
  return container.restartPolicy === 'Always' ? 'sidecar' : 'init';
}

/** Whether a container that ended is started again. */
export function restarts(role: ContainerRole, policy: RestartPolicy, exitCode: number): boolean {
  if (role === 'sidecar') return true;
  if (role === 'ephemeral') return false;
  if (role === 'init') return exitCode !== 0 && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/**
 * Where the Pod stands, by its containers.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase
 */
export function podPhase(
  records: readonly ContainerRecord[],
  policy: RestartPolicy,
): 'Pending' | 'Running' | 'Succeeded' | 'Failed' {
  const exitCode = ({state}: ContainerRecord): number | undefined => state.terminated?.exitCode;
  const isOver = (record: ContainerRecord): boolean => {
    const code = exitCode(record);
    return code !== undefined && !restarts(record.role, policy, code);
  };
  const inits = records.filter(({role}) => role === 'init');
  if (inits.some((record) => isOver(record) && exitCode(record) !== 0)) return 'Failed';
  const mains = records.filter(({role}) => role === 'main');
  if (mains.every(isOver)) return mains.every((record) => exitCode(record) === 0) ? 'Succeeded' : 'Failed';
  // A container that waits to be started again has been there before: its Pod goes on.
  const neverRan = ({state, lastState}: ContainerRecord): boolean =>
    state.waiting !== undefined && lastState === undefined;
  return mains.some(neverRan) ? 'Pending' : 'Running';
}

export interface PodStatusInput {
  records: readonly ContainerRecord[];
  hostIP: string;
  podIP?: string | undefined;
  /** When the node took the Pod. RFC 3339. */
  startTime: string;
  /** For conditions that change. RFC 3339. */
  now: string;
  /** The phase that is kept whatever the containers do: a Pod that is over stays over. */
  finalPhase?: 'Succeeded' | 'Failed' | undefined;
}

/** Condition types that the node writes; all others belong to somebody else. */
type OwnCondition = 'PodReadyToStartContainers' | 'Initialized' | 'ContainersReady' | 'Ready';

/** The part of a Pod's status that its node owns. Conditions of readiness gates are read from `pod` and never written. */
export function podStatus(pod: Pod, input: PodStatusInput): PodStatus {
  const {records, podIP} = input;
  const phase = input.finalPhase ?? podPhase(records, restartPolicyOf(pod));
  const over = phase === 'Succeeded' || phase === 'Failed';
  const condition = (type: OwnCondition, status: boolean, reason?: string, message?: string): PodCondition => {
    const previous = pod.status?.conditions?.find((other) => other.type === type);
    const same = previous?.status === (status ? 'True' : 'False');
    return {
      type,
      status: status ? 'True' : 'False',
      lastTransitionTime: same && previous?.lastTransitionTime ? previous.lastTransitionTime : input.now,
      // Said explicitly: a merge would keep what was said before.
      reason: status ? '' : (reason ?? ''),
      message: status ? '' : (message ?? ''),
    };
  };

  const uninitialized = records.filter(({role, started, state}) =>
    role === 'init' ? state.terminated?.exitCode !== 0 : role === 'sidecar' && !started && !over,
  );
  const unready = records.filter(({role, ready}) => (role === 'main' || role === 'sidecar') && !ready);
  const gates = (pod.spec?.readinessGates ?? []).map(({conditionType}) => conditionType);
  const closed = gates.filter((gate) => pod.status?.conditions?.find(({type}) => type === gate)?.status !== 'True');
  const names = (list: readonly ContainerRecord[]): string => `[${list.map(({name}) => name).join(' ')}]`;

  const inits = records.filter(({role}) => role === 'init' || role === 'sidecar');
  const ephemeral = records.filter(({role}) => role === 'ephemeral');
  const containersReady = !over && unready.length === 0;
  const unreadyReason = over ? 'PodCompleted' : 'ContainersNotReady';
  const unreadyMessage = over ? undefined : `containers with unready status: ${names(unready)}`;
  const gatesMessage = closed.map((gate) => `the readiness gate ${JSON.stringify(gate)} is not "True"`).join(', ');
  return {
    phase,
    startTime: input.startTime,
    hostIP: input.hostIP,
    hostIPs: [{ip: input.hostIP}],
    ...(podIP === undefined ? {} : {podIP, podIPs: [{ip: podIP}]}),
    conditions: [
      condition('PodReadyToStartContainers', podIP !== undefined && !over),
      condition(
        'Initialized',
        uninitialized.length === 0,
        'ContainersNotInitialized',
        `containers with incomplete status: ${names(uninitialized)}`,
      ),
      condition('ContainersReady', containersReady, unreadyReason, unreadyMessage),
      containersReady
        ? condition('Ready', closed.length === 0, 'ReadinessGatesNotReady', gatesMessage)
        : condition('Ready', false, unreadyReason, unreadyMessage),
    ],
    ...(inits.length > 0 && {initContainerStatuses: inits.map(containerStatus)}),
    containerStatuses: records.filter(({role}) => role === 'main').map(containerStatus),
    ...(ephemeral.length > 0 && {ephemeralContainerStatuses: ephemeral.map(containerStatus)}),
  };
}

export function restartPolicyOf(pod: Pod): RestartPolicy {
  const policy = pod.spec?.restartPolicy;
  return policy === 'OnFailure' || policy === 'Never' ? policy : 'Always';
}

function containerStatus(record: ContainerRecord): ContainerStatus {
  return {
    name: record.name,
    image: record.image,
    imageID: '',
    state: record.state,
    lastState: record.lastState ?? {},
    restartCount: record.restartCount,
    started: record.started,
    // An init container that has done its work counts as ready.
    ready: record.role === 'init' ? record.state.terminated?.exitCode === 0 : record.ready,
    ...(record.containerID === undefined ? {} : {containerID: record.containerID}),
  };
}
