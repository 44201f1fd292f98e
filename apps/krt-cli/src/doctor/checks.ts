import {
  ACCEPTED_CONDITION,
  API_VERSION,
  leaseName,
  PROGRESSING_CONDITION,
  type Runtime,
  SCHEDULED_CONDITION,
  VERSION,
} from '@kruntimes/api-types';
import {formatDuration} from '../duration.ts';
import type {Lookup} from '../lookup.ts';
import type {PodState} from '../run-explanation.ts';
import type {Installation, LeaseState, PolicyBindingState} from './installation.ts';

export type CheckStatus = 'ok' | 'warning' | 'problem' | 'unknown';

/** One line of `krt doctor`. */
export interface Check {
  /** A word that stays: scripts may look for it. */
  check: string;
  status: CheckStatus;
  message: string;
  /** What to do; with everything but `ok`. */
  advice?: string;
}

type Verdict = Omit<Check, 'check'>;

const ok = (message: string): Verdict => ({status: 'ok', message});
const warning = (message: string, advice: string): Verdict => ({status: 'warning', message, advice});
const problem = (message: string, advice: string): Verdict => ({status: 'problem', message, advice});
const unknown = (why: string, advice: string): Verdict => ({status: 'unknown', message: `can't tell: ${why}`, advice});

/** The oldest Kubernetes that the admission policies and CEL rules work on. */
const oldestMinor = 31;
const slowMs = 1000;
const maxSkewMs = 5000;
/** A Lease that is not renewed by then, although its holder should have done so several times. */
const electionGraceMs = 5000;
const podLeaseMs = 40_000;
/** The scheduler explains after a second why a Run waits. */
const unnoticedMs = 15_000;

/** The admission policies, by the ends of their names before the first dot; the last one may be left out. */
const policies = ['run-status', 'run-finalizer', 'pod-status', 'lease', 'maintainer'] as const;

const checks: Readonly<Record<string, (installation: Installation) => Verdict>> = {
  'api-server': apiServer,
  throttling,
  'clock-skew': clockSkew,
  crds,
  schema,
  permissions,
  controller: (installation) => election(installation, 'controller'),
  scheduler: (installation) => election(installation, 'scheduler'),
  namespace: namespaceExists,
  'pod-security': podSecurity,
  runtimes,
  pods,
  'runtimed-leases': runtimedLeases,
  'admission-policies': admissionPolicies,
  runs,
};

/** Names of all checks, in the order in which they are shown. */
export const checkNames: readonly string[] = Object.keys(checks);

/** What is right and wrong with an installation; a pure function of what was found. */
export function diagnose(installation: Installation): Check[] {
  return Object.entries(checks).map(([check, judge]) => ({check, ...judge(installation)}));
}

function apiServer({kubernetes, server}: Installation): Verdict {
  if (kubernetes.kind !== 'found') {
    return unknown(kubernetes.kind === 'unknown' ? kubernetes.why : 'no /version', 'is it a Kubernetes API server?');
  }
  const version = kubernetes.object;
  const [, major = '', minor = ''] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  if (major === '') return unknown(`version ${version} is none that krt understands`, 'kubectl version');
  const old = Number(major) < 1 || (Number(major) === 1 && Number(minor) < oldestMinor);
  return old
    ? problem(`Kubernetes ${version} at ${server} is older than 1.${oldestMinor}`, 'upgrade the cluster')
    : ok(`Kubernetes ${version} at ${server}`);
}

function throttling({answers}: Installation): Verdict {
  const refused = answers.filter(({status}) => status === 429).length;
  if (refused > 0) {
    return problem(
      `the API server refused ${refused} of ${answers.length} requests for load (429)`,
      'fewer clients, or a PriorityLevelConfiguration with more seats; kubectl get --raw /debug/api_priority_and_fairness/dump_priority_levels',
    );
  }
  const times = answers.map(({ms}) => ms).toSorted((a, b) => a - b);
  const median = times[Math.floor(times.length / 2)];
  if (median === undefined) return unknown('no request was answered', 'try again');
  const fair = answers.some((each) => each.fair) ? '' : '; it does not say by which flow schema';
  return median > slowMs
    ? warning(
        `the API server takes ${formatDuration(Math.round(median))} to answer a small request${fair}`,
        'look at its load and at the network between',
      )
    : ok(`a small request takes ${formatDuration(Math.round(median))}, none was refused for load${fair}`);
}

function clockSkew({answers}: Installation): Verdict {
  // What the time of the request explains is not counted: the server may have read its clock at any moment of it.
  const skews = answers.flatMap(({skewMs, ms}) =>
    skewMs === undefined ? [] : [Math.sign(skewMs) * Math.max(0, Math.abs(skewMs) - ms / 2)],
  );
  if (skews.length === 0) return unknown('the API server sends no Date', 'compare the clocks by hand');
  const least = skews.reduce((a, b) => (Math.abs(b) < Math.abs(a) ? b : a));
  const apart = formatDuration(Math.round(Math.abs(least) / 1000) * 1000);
  return Math.abs(least) > maxSkewMs
    ? warning(
        `the clock of this machine is ${apart} ${least > 0 ? 'behind' : 'ahead of'} that of the API server`,
        'set it by NTP: ages that krt shows are wrong by so much, and certificates may seem invalid',
      )
    : ok('the clocks of this machine and of the API server agree within a few seconds');
}

function crds({served, crds: all}: Installation): Verdict {
  const advice = 'helm upgrade --install kruntimes-crds, or ask an administrator for it';
  if (!served.includes(VERSION)) {
    return served.length === 0
      ? problem('kruntimes.io is not served: kruntimes is not installed here', advice)
      : problem(`the cluster serves kruntimes.io/${served.join(', ')}, and this krt wants ${VERSION}`, advice);
  }
  for (const {name, crd} of all) {
    if (crd.kind === 'missing') return problem(`there is no CustomResourceDefinition ${name}`, advice);
    if (crd.kind === 'unknown') continue;
    const bad = (crd.object.status?.conditions ?? []).find(
      ({type, status}) =>
        (['Established', 'NamesAccepted'].includes(type) && status !== 'True') ||
        (type === 'NonStructuralSchema' && status === 'True'),
    );
    if (bad !== undefined) {
      return problem(`${name} is not usable: ${bad.type}=${bad.status}, ${bad.message ?? bad.reason ?? ''}`, advice);
    }
  }
  const seen = all.every(({crd}) => crd.kind === 'found');
  return ok(`${API_VERSION} is served${seen ? ', its CustomResourceDefinitions are established' : ''}`);
}

function schema({missingFields}: Installation): Verdict {
  if (missingFields.kind === 'unknown') return unknown(missingFields.why, 'krt version compares the versions');
  if (missingFields.kind === 'missing') {
    return unknown('the API server publishes no schema of it (yet)', 'try again in a moment');
  }
  const fields = missingFields.object;
  if (fields.length === 0) return ok('the schema of the cluster has every field that this krt knows');
  return warning(
    `the CustomResourceDefinitions are older than this krt: they lack ${some(fields)}`,
    'upgrade kruntimes-crds, or use the krt of the version that is installed',
  );
}

function permissions({permissions: all, namespace}: Installation): Verdict {
  const unclear = all.find(({allowed}) => allowed.kind !== 'found');
  if (unclear?.allowed.kind === 'unknown') return unknown(unclear.allowed.why, 'kubectl auth can-i --list');
  const denied = all.filter(({allowed}) => allowed.kind === 'found' && !allowed.object);
  if (denied.length === 0) return ok(`you may do all that krt does in namespace ${namespace}`);
  const list = denied.map(({permission: {verb, resource, subresource, for: purpose}}) => {
    return `${verb} ${subresource === undefined ? resource : `${resource}/${subresource}`} (${purpose})`;
  });
  const message = `in namespace ${namespace} you may not ${list.join(', ')}`;
  const advice = `ask for the ClusterRole kruntimes-edit in namespace ${namespace}, or see docs/access-control.md`;
  const blind = denied.some(
    ({permission: {resource, subresource, verb}}) =>
      resource === 'runs' && subresource === undefined && ['get', 'list', 'watch'].includes(verb),
  );
  return blind ? problem(message, advice) : warning(message, advice);
}

function election(installation: Installation, app: 'controller' | 'scheduler'): Verdict {
  const {elections, namespace, serverNowMs, systemNamespace} = installation;
  if (elections.kind !== 'found') {
    const seen = app === 'controller' ? controllerAtWork(installation) : undefined;
    if (seen !== undefined) return ok(seen);
    return unknown(
      elections.kind === 'unknown' ? elections.why : `there is no namespace ${systemNamespace}`,
      'ask an administrator, or name the namespace of the control plane with --system-namespace',
    );
  }
  const all = elections.object.filter(({metadata}) => metadata?.name?.startsWith(`kruntimes-${app}`));
  const leases = all.filter(({metadata}) => isForNamespace(metadata?.name ?? '', namespace));
  const [lease] = leases;
  if (lease === undefined) {
    const elsewhere = all.map(({metadata}) => metadata?.name ?? '');
    return all.length > 0
      ? problem(
          `no ${app} is for namespace ${namespace}: there is only ${some(elsewhere)}`,
          'work in a namespace of one of these, or ask an administrator for a release for this one',
        )
      : warning(
          `there is no Lease kruntimes-${app}: no ${app} of kruntimes with leader election has ever run here`,
          `kubectl get deployments -A | grep ${app}; if it runs without leader election, this is fine`,
        );
  }
  const fresh = leases.filter((each) => remainingMs(each, serverNowMs) >= 0);
  if (fresh.length > 0) {
    return ok(
      fresh
        .map(
          ({metadata, spec}) =>
            `${metadata?.namespace}/${metadata?.name} is held by ${spec?.holderIdentity || 'nobody'}`,
        )
        .join('; '),
    );
  }
  const age = sinceRenewal(lease, serverNowMs);
  return problem(
    `no ${app} is at work: Lease ${lease.metadata?.namespace}/${lease.metadata?.name} was ${age === undefined ? 'never renewed' : `last renewed ${age} ago`}`,
    `kubectl get pods -A -l app.kubernetes.io/component=${app}; the log of the ${app} says why it does not lead`,
  );
}

/** The chart names a Lease by the scope: `.cluster`, `.namespace.team-a`. Without a chart it has no such end. */
function isForNamespace(lease: string, namespace: string): boolean {
  const [, scope, name] = /^[^.]+(?:\.(cluster|namespace)(?:\.(.+))?)?$/.exec(lease) ?? [];
  return scope === undefined || scope === 'cluster' || name === namespace;
}

/** Above zero while the Lease holds; an election has until then to be renewed. */
function remainingMs({spec}: LeaseState, nowMs: number): number {
  const renewed = Date.parse(spec?.renewTime ?? '');
  if (Number.isNaN(renewed)) return -1;
  return renewed + (spec?.leaseDurationSeconds ?? 15) * 1000 + electionGraceMs - nowMs;
}

function sinceRenewal({spec}: LeaseState, nowMs: number): string | undefined {
  const renewed = Date.parse(spec?.renewTime ?? '');
  return Number.isNaN(renewed) ? undefined : formatDuration(Math.max(0, nowMs - renewed));
}

/** Who may not see Leases may still see that somebody cares for Runtimes. */
function controllerAtWork({runtimes: all}: Installation): string | undefined {
  if (all.kind !== 'found' || all.object.length === 0) return undefined;
  const current = all.object.every(
    ({metadata, status}) => (status?.observedGeneration ?? 0) === (metadata?.generation ?? 0),
  );
  return current ? 'it has seen the present state of every Runtime (you may not see its Lease)' : undefined;
}

function namespaceExists({namespace, namespaceLabels}: Installation): Verdict {
  if (namespaceLabels.kind === 'missing') {
    return problem(`there is no namespace ${namespace}`, 'choose one with -n, or kubectl create namespace');
  }
  if (namespaceLabels.kind === 'unknown') return unknown(namespaceLabels.why, 'nothing, if krt get works');
  return ok(`namespace ${namespace} is there`);
}

function podSecurity({namespace, namespaceLabels}: Installation): Verdict {
  if (namespaceLabels.kind === 'missing') return unknown(`there is no namespace ${namespace}`, 'choose one with -n');
  if (namespaceLabels.kind === 'unknown')
    return unknown(namespaceLabels.why, 'kubectl describe runtime shows refusals');
  const level = namespaceLabels.object['pod-security.kubernetes.io/enforce'];
  if (level === undefined)
    return ok(`namespace ${namespace} enforces no level by label; the default of the cluster holds`);
  return ok(
    level === 'restricted'
      ? `namespace ${namespace} enforces ${level}, which all that kruntimes adds to a Pod complies with`
      : `namespace ${namespace} enforces ${level}`,
  );
}

function runtimes({namespace, runtimes: all}: Installation): Verdict {
  if (all.kind !== 'found')
    return unknown(all.kind === 'unknown' ? all.why : 'kruntimes is not installed', 'see above');
  if (all.object.length === 0) {
    return warning(
      `there is no Runtime in namespace ${namespace}: no Run can start here`,
      'docs/usage-guide.md has one',
    );
  }
  const bad: string[] = [];
  const meagre: string[] = [];
  const fine: string[] = [];
  for (const runtime of all.object) {
    const {list, text} = judgeRuntime(runtime, {bad, meagre, fine});
    list.push(text);
  }
  const advice = `kubectl describe runtime NAME -n ${namespace}`;
  if (bad.length > 0) return problem([...bad, ...meagre].join('; '), advice);
  return meagre.length > 0 ? warning(meagre.join('; '), advice) : ok(some(fine));
}

function judgeRuntime(
  {metadata, spec, status}: Runtime,
  lists: {bad: string[]; meagre: string[]; fine: string[]},
): {list: string[]; text: string} {
  const name = metadata?.name ?? '';
  const wanted = spec.replicas ?? 1;
  const ready = status?.readyReplicas ?? 0;
  const failed = (status?.conditions ?? []).find(
    ({type, status: is}) => [ACCEPTED_CONDITION, PROGRESSING_CONDITION].includes(type as never) && is === 'False',
  );
  const why = failed === undefined ? '' : `: ${failed.reason}${failed.message === '' ? '' : `, ${failed.message}`}`;
  const text = `${name} has ${ready} of ${wanted} Pods ready`;
  if (failed?.type === ACCEPTED_CONDITION) return {list: lists.bad, text: `${name} is not accepted${why}`};
  if (wanted === 0) return {list: lists.meagre, text: `${name} is scaled to zero`};
  if (ready === 0) return {list: lists.bad, text: `${text}${why}`};
  if (ready < wanted || failed !== undefined) return {list: lists.meagre, text: `${text}${why}`};
  const capacity = Object.entries(status?.capacity ?? {}).map(([resource, units]) => `${units} ${resource}`);
  return {list: lists.fine, text: capacity.length > 0 ? `${text}, for ${capacity.join(', ')}` : text};
}

function pods({namespace, pods: all}: Installation): Verdict {
  if (all.kind !== 'found') return unknown(all.kind === 'unknown' ? all.why : 'no Pods', 'see the Runtimes above');
  const unready = all.object.filter((pod) => pod.metadata?.deletionTimestamp === undefined && !isReady(pod));
  if (unready.length === 0) return ok(`${count(all.object.length, 'Runtime Pod')}, none of them unready`);
  return warning(
    `${unready.length} of ${count(all.object.length, 'Runtime Pod')} not ready: ${some(unready.map(describePod))}`,
    `kubectl describe pod NAME -n ${namespace}, kubectl logs NAME -n ${namespace} -c runtimed`,
  );
}

function isReady({status}: PodState): boolean {
  return status?.conditions?.some(({type, status: is}) => type === 'Ready' && is === 'True') ?? false;
}

function describePod({metadata, status}: PodState): string {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const waiting = containers.find(({state}) => state?.waiting?.reason !== undefined);
  const condition = status?.conditions?.find(
    ({type, status: is}) => ['PodScheduled', 'kruntimes.io/RuntimedReady'].includes(type) && is === 'False',
  );
  const why = waiting
    ? `${waiting.name} ${waiting.state?.waiting?.reason}`
    : (condition?.message ?? status?.phase ?? '');
  return `${metadata?.name ?? ''}${why === '' ? '' : ` (${why})`}`;
}

function runtimedLeases({namespace, pods: allPods, podLeases, serverNowMs}: Installation): Verdict {
  if (podLeases.kind !== 'found') {
    return unknown(
      podLeases.kind === 'unknown' ? podLeases.why : 'no Leases',
      'the readiness of the Pods above says the same',
    );
  }
  if (allPods.kind !== 'found') return unknown(allPods.kind === 'unknown' ? allPods.why : 'no Pods', 'see above');
  const leases = new Map(podLeases.object.map((lease) => [lease.metadata?.name ?? '', lease]));
  const silent = allPods.object.filter(isReady).flatMap(({metadata}) => {
    const lease = leases.get(leaseName(metadata?.uid ?? ''));
    if (lease === undefined) return [`${metadata?.name} has none`];
    const renewed = Date.parse(lease.spec?.renewTime ?? '');
    return renewed >= serverNowMs - podLeaseMs
      ? []
      : [`${metadata?.name}, ${sinceRenewal(lease, serverNowMs) ?? 'ever'} ago`];
  });
  return silent.length === 0
    ? ok('every ready Runtime Pod renews its Lease')
    : problem(
        `Runtime Pods that have not renewed their Lease: ${some(silent)}`,
        `kubectl logs POD -n ${namespace} -c runtimed; clocks of nodes that differ look the same`,
      );
}

function admissionPolicies({policies: present, bindings, namespace, namespaceLabels}: Installation): Verdict {
  const advice = 'install them with the chart kruntimes; docs/access-control.md says what each is for';
  const lookup: Lookup<unknown> = present.kind === 'found' ? bindings : present;
  if (lookup.kind !== 'found' || present.kind !== 'found' || bindings.kind !== 'found') {
    return unknown(lookup.kind === 'unknown' ? lookup.why : 'the cluster has none', 'ask an administrator');
  }
  const labels: Readonly<Record<string, string>> = {
    ...(namespaceLabels.kind === 'found' ? namespaceLabels.object : {}),
    'kubernetes.io/metadata.name': namespace,
  };
  // A release for one namespace binds its policies there and nowhere else.
  const holdsHere = ({spec}: PolicyBindingState): boolean =>
    Object.entries(spec?.matchResources?.namespaceSelector?.matchLabels ?? {}).every(
      ([label, value]) => labels[label] === value,
    );
  const effective = (end: string): boolean =>
    present.object.some(
      (name) =>
        name.includes('kruntimes') &&
        // The chart adds the namespace of the release.
        name.split('.')[0]?.endsWith(`-${end}`) &&
        bindings.object.some(
          (binding) =>
            binding.spec?.policyName === name &&
            (binding.spec.validationActions ?? []).includes('Deny') &&
            holdsHere(binding),
        ),
    );
  const missing = policies.filter((each) => !effective(each));
  if (missing.length > 0) {
    return warning(
      `admission policies that are missing or bind nobody: ${missing.join(', ')}; a runtimed could write what is not its own`,
      advice,
    );
  }
  return ok(
    `all that confine runtimeds and maintainers are in force${
      effective('run-create') ? ', and Runs need the verb use on their Runtime' : ''
    }`,
  );
}

function runs({namespace, pendingRuns, serverNowMs}: Installation): Verdict {
  if (pendingRuns.kind !== 'found') {
    return unknown(pendingRuns.kind === 'unknown' ? pendingRuns.why : 'kruntimes is not installed', 'see above');
  }
  const waiting = pendingRuns.object.filter(
    ({status, metadata}) =>
      metadata?.deletionTimestamp === undefined && !(Date.parse(status?.nextAttemptTime ?? '') > serverNowMs),
  );
  const unnoticed = waiting.filter(({metadata, status}) => {
    const explained = status?.conditions?.some(({type}) => type === SCHEDULED_CONDITION) ?? false;
    const since = Math.max(
      Date.parse(metadata?.creationTimestamp ?? ''),
      Date.parse(status?.nextAttemptTime ?? status?.attempts?.at(-1)?.completionTime ?? '') || 0,
    );
    return !explained && serverNowMs - since > unnoticedMs;
  });
  const [first] = unnoticed;
  if (first !== undefined) {
    return problem(
      `${count(unnoticed.length, 'Run')} in namespace ${namespace} that nobody has bound or explained, such as ${first.metadata?.name}: no scheduler is at work`,
      'ask an administrator to look at the Deployment of the scheduler and its log',
    );
  }
  if (waiting.length === 0) return ok(`no Run waits in namespace ${namespace}`);
  return ok(`${count(waiting.length, 'Run')} in namespace ${namespace} waiting; krt why NAME says for what`);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

/** The first few of a list that may be long. */
function some(all: readonly string[]): string {
  const most = 4;
  return all.length <= most ? all.join(', ') : `${all.slice(0, most).join(', ')} and ${all.length - most} more`;
}
