import {
  ACCEPTED_CONDITION,
  ARTIFACTS_DELETED_CONDITION,
  ARTIFACTS_STORED_CONDITION,
  AVAILABLE_CONDITION,
  type Condition,
  isTerminal,
  PROGRESSING_CONDITION,
  type Run,
  type RunReason,
  type Runtime,
  reasonDescriptions,
  requestsOf,
  SCHEDULED_CONDITION,
} from '@kruntimes/api-types';
import {formatDuration} from './duration.ts';
import type {Lookup} from './lookup.ts';
import {type RunTimes, runTimes} from './run-times.ts';

interface ContainerState {
  name: string;
  state?: {waiting?: {reason?: string; message?: string}};
}

/** What of a Pod says whether it can work. */
export interface PodState {
  metadata?: {name?: string; uid?: string; deletionTimestamp?: string};
  status?: {
    phase?: string;
    conditions?: {type: string; status: string; reason?: string; message?: string}[];
    initContainerStatuses?: ContainerState[];
    containerStatuses?: ContainerState[];
  };
}

/** What of an Event is shown. */
export interface EventState {
  type?: string;
  reason?: string;
  message?: string;
  lastTimestamp?: string;
  eventTime?: string | null;
  involvedObject?: {kind?: string; name?: string};
}

/** A Run and what stands around it. */
export interface RunSurroundings {
  run: Run;
  runtime: Lookup<Runtime>;
  /** The Pod that the Run is bound to; `undefined` when it is bound to none. */
  pod: Lookup<PodState> | undefined;
  /** The Pods of its Runtime, while the Run waits; `undefined` when it does not. */
  runtimePods: Lookup<readonly PodState[]> | undefined;
  /** Warnings about the Run, its Runtime and its Pod, oldest first. */
  events: Lookup<readonly EventState[]>;
  nowMs: number;
}

/** Where a Run is, why, and what would change that. */
export interface RunExplanation {
  run: {namespace: string; name: string; uid: string; runtime: string};
  phase: string;
  /** What it is at, or what its end came from. */
  step: 'back-off' | 'queue' | 'prepare' | 'execute' | 'cancel' | 'delete' | 'ended';
  /** One word of the closed set of api-types, if status has one. */
  reason?: string;
  /** One sentence. */
  summary: string;
  /** What was seen that bears on it, one sentence each. */
  findings: string[];
  /** What would unblock the Run, or keep its end from happening again; one sentence or command each. */
  advice: string[];
  times: RunTimes;
}

/** From then on a Run that nobody has placed or explained means that no scheduler is at work. It explains after 1 s. */
const unnoticedMs = 15_000;
/** A bound Run that is not started by then is not simply on its way. Fetching a large source may take longer. */
const slowPrepareMs = 30_000;

interface Scene extends RunSurroundings {
  name: string;
  namespace: string;
  /** `-n namespace`, for commands. */
  flag: string;
}

/** The explanation of a Run; a pure function of what is known. */
export function explainRun(surroundings: RunSurroundings): RunExplanation {
  const {run, nowMs} = surroundings;
  const {name = '', namespace = '', uid = ''} = run.metadata ?? {};
  const phase = run.status?.phase ?? 'Pending';
  const scene: Scene = {...surroundings, name, namespace, flag: `-n ${namespace}`};
  const reason = reasonOf(run);
  const {step, summary, findings, advice} = situation(scene, reason);
  return {
    run: {namespace, name, uid, runtime: run.spec.runtime},
    phase,
    ...(reason === undefined ? {} : {reason}),
    step,
    summary,
    findings: [...findings, ...warnings(scene)],
    advice: [...new Set(advice)],
    times: runTimes(run, nowMs),
  };
}

/** As many warnings are shown; of a Pod that crashes there are many. */
const maxWarnings = 3;

function warnings({events, run}: Scene): string[] {
  // Of a Run that went well nobody wants to know what was wrong with its Runtime.
  if (run.status?.phase === 'Succeeded') return [];
  if (events.kind === 'unknown') return isTerminal(run.status?.phase) ? [] : [`Events: can't tell, ${events.why}.`];
  if (events.kind === 'missing') return [];
  return events.object
    .filter(({type}) => type === 'Warning')
    .slice(-maxWarnings)
    .map(({involvedObject, reason, message}) =>
      sentence(
        `Event of ${involvedObject?.kind ?? 'an object'} ${involvedObject?.name ?? ''}: ${[reason, message].filter(Boolean).join(': ')}`,
      ),
    );
}

type Situation = Pick<RunExplanation, 'step' | 'summary' | 'findings' | 'advice'>;

function situation(scene: Scene, reason: string | undefined): Situation {
  const {run} = scene;
  const phase = run.status?.phase ?? 'Pending';
  if (run.metadata?.deletionTimestamp !== undefined) return deleting(scene);
  if (isTerminal(phase)) return ended(scene, reason);
  if (run.spec.cancelRequested === true) return cancelling(scene);
  if (phase === 'Pending') return waiting(scene);
  return phase === 'Scheduled' ? preparing(scene) : executing(scene);
}

/** `status.reason`, or that of the condition which says why the Run waits. */
function reasonOf({status}: Run): string | undefined {
  const phase = status?.phase ?? 'Pending';
  if (isTerminal(phase)) return status?.reason;
  if (phase !== 'Pending') return undefined;
  return unscheduled(status?.conditions)?.reason ?? status?.reason;
}

function unscheduled(conditions: readonly Condition[] | undefined): Condition | undefined {
  return conditions?.find(({type, status}) => type === SCHEDULED_CONDITION && status === 'False');
}

function waiting(scene: Scene): Situation {
  const {run, nowMs, flag} = scene;
  const {status} = run;
  const due = status?.nextAttemptTime === undefined ? Number.NaN : Date.parse(status.nextAttemptTime);
  const next = (status?.attempt ?? 0) + 1;
  if (due > nowMs) {
    return {
      step: 'back-off',
      summary: `It waits for attempt ${next}, due in ${formatDuration(Math.ceil((due - nowMs) / 1000) * 1000)}: attempt ${next - 1} ended with ${status?.reason ?? 'no reason'}.`,
      findings: messageOf(run),
      advice: [
        ...causeAdvice(scene, status?.reason),
        'A smaller spec.retryPolicy.backoffSeconds shortens the wait of Runs to come.',
      ],
    };
  }
  const condition = unscheduled(status?.conditions);
  if (condition !== undefined) {
    return {
      step: 'queue',
      summary: `It waits for a slot: ${sentence(condition.message || describe(condition.reason))}`,
      findings: runtimeFindings(scene),
      advice: [...causeAdvice(scene, condition.reason)],
    };
  }
  const sinceMs = nowMs - (Number.isNaN(due) ? sinceWhen(run) : due);
  const trouble = runtimeTrouble(scene);
  if (sinceMs < unnoticedMs) {
    return {
      step: 'queue',
      summary: `It waits to be bound, since ${formatDuration(Math.max(0, sinceMs))}; the scheduler says why when that takes longer than a second.`,
      findings: trouble,
      advice: ['Ask again in a moment.'],
    };
  }
  return {
    step: 'queue',
    summary: `Nobody has bound it or said why not for ${formatDuration(sinceMs)}: it seems that no scheduler is at work.`,
    findings: trouble,
    advice: [`krt doctor ${flag}`, 'Ask an administrator to look at the Deployment of the scheduler and its log.'],
  };
}

function preparing(scene: Scene): Situation {
  const {run, nowMs, flag} = scene;
  const pod = run.status?.assignedPod ?? 'a Pod';
  const sinceMs = nowMs - Date.parse(run.status?.scheduledTime ?? '');
  const since = Number.isNaN(sinceMs) ? '' : ` for ${formatDuration(Math.max(0, sinceMs))}`;
  const source =
    run.spec.source?.git === undefined ? 'its workspace and source' : `its workspace and ${run.spec.source.git.url}`;
  const trouble = podTrouble(scene);
  const slow = sinceMs > slowPrepareMs;
  return {
    step: 'prepare',
    summary: `It has a slot of Pod ${pod}${since}; runtimed prepares ${source}, or the program began less than 250 ms ago.`,
    findings: trouble,
    advice:
      trouble.length > 0
        ? [lostPodAdvice(scene)]
        : slow
          ? [
              `kubectl logs ${flag} ${pod} -c runtimed`,
              ...(run.spec.source?.git === undefined
                ? ['A slot can be held by a Run before it that is still being cleaned up.']
                : ['Fetching may take up to 300 s: a branch or a full commit id with depth 1 is fetched fastest.']),
            ]
          : ['Nothing: this takes milliseconds, and as long as the fetch for a source in git.'],
  };
}

function executing(scene: Scene): Situation {
  const {run, nowMs, name, flag} = scene;
  const startMs = Date.parse(run.status?.startTime ?? '');
  const since = Number.isNaN(startMs) ? '' : ` for ${formatDuration(Math.max(0, nowMs - startMs))}`;
  const limit = run.spec.timeoutSeconds;
  const trouble = podTrouble(scene);
  return {
    step: 'execute',
    summary: `Its program runs on Pod ${run.status?.assignedPod ?? 'unknown'}${since}${limit ? ` of at most ${formatDuration(limit * 1000)}` : ', without a time limit'}.`,
    findings: [
      ...(run.status?.artifactStore === undefined ? [] : ['It is storing its artifacts, or has begun to.']),
      ...trouble,
    ],
    advice:
      trouble.length > 0
        ? [lostPodAdvice(scene)]
        : [`krt logs -f ${name} ${flag}`, `krt cancel ${name} ${flag} ends it.`],
  };
}

function cancelling(scene: Scene): Situation {
  const {run, flag} = scene;
  const pod = run.status?.assignedPod;
  const pending = (run.status?.phase ?? 'Pending') === 'Pending';
  return {
    step: 'cancel',
    summary: pending
      ? 'It is to be cancelled and has no slot: the scheduler ends it.'
      : `It is to be cancelled: its program on Pod ${pod ?? 'unknown'} gets SIGTERM and, after 10 s at most, SIGKILL.`,
    findings: pending ? [] : podTrouble(scene),
    advice: pending ? [`krt doctor ${flag}, if it stays so: the scheduler may be away.`] : [lostPodAdvice(scene)],
  };
}

function deleting({run, flag}: Scene): Situation {
  const finalizers = run.metadata?.finalizers ?? [];
  const stuck = run.status?.conditions?.find(
    ({type, status}) => type === ARTIFACTS_DELETED_CONDITION && status === 'False',
  );
  return {
    step: 'delete',
    summary: 'It is being deleted.',
    findings: [
      ...(finalizers.length === 0 ? [] : [`It waits for its finalizers: ${finalizers.join(', ')}.`]),
      ...(stuck === undefined ? [] : [sentence(`${stuck.reason}: ${stuck.message}`)]),
    ],
    advice: [
      stuck === undefined
        ? `kubectl get pods ${flag} -l kruntimes.io/artifact-store shows the maintainer that deletes its artifacts.`
        : 'Make the artifact store reachable again. If it is gone for good: kubectl annotate run NAME kruntimes.io/force-release=true gives the artifacts up.',
    ],
  };
}

function ended(scene: Scene, reason: string | undefined): Situation {
  const {run} = scene;
  const {status} = run;
  const stored = status?.conditions?.find(
    ({type, status: is}) => type === ARTIFACTS_STORED_CONDITION && is === 'False',
  );
  const tries = (status?.attempt ?? 0) > 1 ? ` after ${status?.attempt} attempts` : '';
  const lost = status?.disruptions ? `, ${status.disruptions} of them lost to infrastructure` : '';
  return {
    step: 'ended',
    summary: `It ended as ${status?.phase ?? 'unknown'}${tries}${tries && lost}: ${sentence(describe(reason))}`,
    findings: [
      ...messageOf(run),
      ...(stored === undefined ? [] : [sentence(`Artifacts: ${stored.message || stored.reason}`)]),
    ],
    advice: status?.phase === 'Succeeded' ? [] : causeAdvice(scene, reason),
  };
}

/** What helps against each reason of the closed set. A reason of a later version gets its own words only. */
const adviceFor: Readonly<Record<RunReason, (scene: Scene) => string[]>> = {
  Completed: () => [],
  NonZeroExit: ({name, flag}) => [
    `krt logs ${name} ${flag} shows what the program wrote.`,
    'If trying again may help: spec.retryPolicy.maxAttempts (krt run --max-attempts).',
  ],
  Signaled: ({name, flag, run}) => [
    ...(run.status?.signal === 'SIGKILL'
      ? [
          'SIGKILL that nobody sent is the kernel out of memory as a rule: a higher memory limit of the container runtime.',
        ]
      : []),
    `krt logs ${name} ${flag} shows what the program wrote.`,
  ],
  TimeoutExceeded: ({run}) => [
    `A larger spec.timeoutSeconds than ${run.spec.timeoutSeconds ?? 0} (krt run --timeout), or a faster program.`,
  ],
  SourceError: ({run, flag}) =>
    run.spec.source?.git === undefined
      ? ['Correct spec.source: the message says what is wrong.']
      : [
          'Check url, revision, subPath and secretName of spec.source.git.',
          `kubectl get runtime ${run.spec.runtime} ${flag} -o yaml shows which credentials (gitCredentials) go to which hosts.`,
        ],
  WorkspaceError: ({run, flag}) => [
    'The volume of the workspaces may be full: a larger spec.workspace.sizeLimit of the Runtime.',
    `kubectl logs ${flag} ${run.status?.assignedPod ?? 'POD'} -c runtimed`,
  ],
  StartFailed: () => [
    'Check entrypoint and args: is the file in the source, has it a #! line, is the program in the image of the Runtime?',
  ],
  RuntimeError: ({run, flag}) => [`kubectl logs ${flag} ${run.status?.assignedPod ?? 'POD'} -c runtime`],
  ArtifactError: ({run, flag}) => [
    'Check the artifact store of the Runtime (spec.artifactStore): space, endpoint, Secret.',
    `kubectl logs ${flag} ${run.status?.assignedPod ?? 'POD'} -c runtimed`,
  ],
  ExecutionLost: ({run, flag}) => [
    `The Runtime server was started anew: kubectl describe pod ${flag} ${run.status?.assignedPod ?? 'POD'} says why (OOMKilled, a failed probe).`,
  ],
  RuntimeTerminated: () => ['Nothing: the Pod was stopped, and the Run goes on elsewhere.'],
  PodTerminating: () => [
    'Nothing: the Pod was drained, and the Run goes on elsewhere.',
    'A longer terminationGracePeriodSeconds of the Runtime lets Runs end before their Pod goes.',
  ],
  PodGone: ({flag}) => [
    `kubectl get events ${flag} tells why the Pod went: eviction, a node that was lost, a rollout.`,
  ],
  PodUnreachable: ({flag}) => [
    `kubectl get pods ${flag} -o wide and kubectl get nodes: the node or its network was away.`,
  ],
  CancelRequested: () => [],
  TooManyDisruptions: ({run, flag}) => [
    `status.attempts says what ended each attempt; kubectl get pods ${flag} -l kruntimes.io/runtime=${run.spec.runtime} shows whether Pods restart.`,
    'Create the Run again when the Pods stay up.',
  ],
  RuntimeNotFound: ({run, flag}) => [
    `krt runtime list ${flag}`,
    `Create a Runtime named ${run.spec.runtime} in this namespace: the Run starts then. Or krt cancel it, and name another.`,
  ],
  RuntimeTerminating: ({run}) => [`Create the Runtime ${run.spec.runtime} again when it is gone, or cancel the Run.`],
  RuntimeNotAccepted: ({run, flag}) => [
    `Correct the Runtime as its condition Accepted says: kubectl describe runtime ${run.spec.runtime} ${flag}`,
  ],
  NoReadyPods: ({run, runtime, flag}) =>
    runtime.kind === 'found' && runtime.object.spec.replicas === 0
      ? [`It is scaled to zero: kubectl scale runtime ${run.spec.runtime} ${flag} --replicas 1`]
      : [
          `kubectl get pods ${flag} -l kruntimes.io/runtime=${run.spec.runtime}`,
          `kubectl describe runtime ${run.spec.runtime} ${flag}`,
        ],
  InsufficientCapacity: ({run, runtime, flag}) => [
    'It starts by itself as soon as Runs before it end.',
    `More Pods: kubectl scale runtime ${run.spec.runtime} ${flag} --replicas ${
      runtime.kind === 'found' ? (runtime.object.spec.replicas ?? 1) + 1 : 'N'
    }`,
    'More Runs per Pod: spec.capacity.resources.runs of the Runtime. A higher spec.priority goes first.',
  ],
  RequestTooLarge: ({run}) => [
    `Smaller spec.resources.requests than ${JSON.stringify(requestsOf(run))} (they cannot be changed: create the Run anew), or a larger spec.capacity.resources of the Runtime.`,
  ],
};

function causeAdvice(scene: Scene, reason: string | undefined): string[] {
  return reason !== undefined && Object.hasOwn(adviceFor, reason) ? adviceFor[reason as RunReason](scene) : [];
}

function describe(reason: string | undefined): string {
  if (reason === undefined) return 'its status gives no reason.';
  return Object.hasOwn(reasonDescriptions, reason) ? `${reason}: ${reasonDescriptions[reason as RunReason]}` : reason;
}

function runtimeFindings(scene: Scene): string[] {
  const {run, runtime} = scene;
  if (runtime.kind === 'unknown') return [`Runtime ${run.spec.runtime}: can't tell, ${runtime.why}.`];
  if (runtime.kind === 'missing') return [`There is no Runtime ${run.spec.runtime} at the moment.`];
  const {spec, status} = runtime.object;
  const capacity = Object.entries(status?.capacity ?? {}).map(([key, value]) => `${key}=${value}`);
  return [
    `Runtime ${run.spec.runtime}: ${status?.readyReplicas ?? 0} of ${spec.replicas ?? 1} Pods ready${
      capacity.length > 0 ? `, capacity of them together ${capacity.join(', ')}` : ''
    }.`,
    ...unmetConditions(runtime.object),
    ...waitingPods(scene),
  ];
}

/** What keeps Pods of the Runtime from starting, each kind of trouble once. */
function waitingPods({runtimePods}: Scene): string[] {
  if (runtimePods?.kind !== 'found') return [];
  const seen = new Map<string, string>();
  for (const {metadata, status} of runtimePods.object) {
    const scheduled = status?.conditions?.find(({type, status: is}) => type === 'PodScheduled' && is === 'False');
    if (scheduled !== undefined) {
      seen.set(
        'PodScheduled',
        `Pod ${metadata?.name ?? ''} has no node: ${scheduled.message || scheduled.reason || ''}`,
      );
    }
    for (const {name, state} of [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]) {
      const {reason, message} = state?.waiting ?? {};
      if (reason === undefined || reason === 'PodInitializing' || reason === 'ContainerCreating') continue;
      seen.set(
        `${name} ${reason}`,
        `Container ${name} of Pod ${metadata?.name ?? ''} waits: ${reason}${message ? `: ${message}` : ''}`,
      );
    }
  }
  return [...seen.values()].map(sentence);
}

/** Only what is wrong with the Runtime. */
function runtimeTrouble(scene: Scene): string[] {
  const {runtime} = scene;
  if (runtime.kind === 'found' && (runtime.object.status?.readyReplicas ?? 0) > 0) return [];
  return runtimeFindings(scene);
}

function unmetConditions({status}: Runtime): string[] {
  const types: readonly string[] = [ACCEPTED_CONDITION, AVAILABLE_CONDITION, PROGRESSING_CONDITION];
  return (status?.conditions ?? [])
    .filter(({type, status: is}) => types.includes(type) && is === 'False')
    .map(({type, reason, message}) => sentence(`${type}=False, ${reason}${message === '' ? '' : `: ${message}`}`));
}

function podTrouble({run, pod}: Scene): string[] {
  const name = run.status?.assignedPod ?? '';
  if (pod === undefined) return [];
  if (pod.kind === 'unknown') return [];
  if (pod.kind === 'missing') return [`Pod ${name} is gone.`];
  const {metadata, status} = pod.object;
  if (metadata?.uid !== undefined && metadata.uid !== run.status?.assignedPodUID) return [`Pod ${name} was replaced.`];
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return [`Pod ${name} has ended (${status.phase}).`];
  if (metadata?.deletionTimestamp !== undefined) return [`Pod ${name} is being deleted.`];
  const unready = status?.conditions?.find(({type, status: is}) => type === 'Ready' && is !== 'True');
  return unready === undefined
    ? []
    : [sentence(`Pod ${name} is not ready${unready.message ? `: ${unready.message}` : ''}`)];
}

function lostPodAdvice({runtime}: Scene): string {
  const seconds = runtime.kind === 'found' ? (runtime.object.spec.unreachableSeconds ?? 300) : undefined;
  return `Nothing: a Run is taken from a Pod that is gone at once, and from one that is silent after ${
    seconds === undefined ? 'unreachableSeconds of the Runtime' : formatDuration(seconds * 1000)
  }; until then it may still be running there.`;
}

function messageOf({status}: Run): string[] {
  return status?.message ? [sentence(status.message)] : [];
}

function sinceWhen(run: Run): number {
  const last = run.status?.attempts?.at(-1)?.completionTime ?? run.metadata?.creationTimestamp ?? '';
  return Date.parse(last);
}

/** Ends with a full stop. */
function sentence(text: string): string {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}
