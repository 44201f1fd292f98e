import type {ContainerState, Pod} from 'kubernetes-types/core/v1.js';
import {ageCell} from '../tables/age.ts';
import {AGE, NONE, tableLayout} from '../tables/layout.ts';

/** As `kubectl get pods` shows them. */
export const podTable = tableLayout<Pod>(
  ['Ready', 'Status', 'Restarts', 'Age', '*IP', '*Node', '*Nominated Node', '*Readiness Gates'],
  (pod, now) => {
    const {ready, total, reason, restarts, lastRestart} = summary(pod);
    const gates = pod.spec?.readinessGates ?? [];
    const passed = gates.filter(({conditionType}) => isTrue(pod, conditionType)).length;
    return [
      `${ready}/${total}`,
      reason,
      restarts > 0 && lastRestart !== undefined ? `${restarts} (${ageCell(lastRestart, now)} ago)` : `${restarts}`,
      AGE,
      pod.status?.podIPs?.[0]?.ip || NONE,
      pod.spec?.nodeName || NONE,
      pod.status?.nominatedNodeName || NONE,
      gates.length > 0 ? `${passed}/${gates.length}` : NONE,
    ];
  },
);

interface Summary {
  ready: number;
  total: number;
  reason: string;
  restarts: number;
  /** When a container ended the last time before it was started again. */
  lastRestart: string | undefined;
}

function summary(pod: Pod): Summary {
  const {spec, status} = pod;
  const sidecars = new Set(
    (spec?.initContainers ?? []).filter(({restartPolicy}) => restartPolicy === 'Always').map(({name}) => name),
  );
  const result: Summary = {
    ready: 0,
    total: (spec?.containers ?? []).length + sidecars.size,
    reason: status?.reason || status?.phase || '',
    restarts: 0,
    lastRestart: undefined,
  };
  if (status?.conditions?.some(({type, reason}) => type === 'PodScheduled' && reason === 'SchedulingGated'))
    result.reason = 'SchedulingGated';
  const initializing = addInitContainers(pod, sidecars, result);
  if (!initializing || isTrue(pod, 'Initialized')) addContainers(pod, sidecars, result);
  if (pod.metadata?.deletionTimestamp) {
    if (status?.reason === 'NodeLost') result.reason = 'Unknown';
    else if (status?.phase !== 'Failed' && status?.phase !== 'Succeeded') result.reason = 'Terminating';
  }
  return result;
}

/** Whether one of them is not through yet. */
function addInitContainers({spec, status}: Pod, sidecars: ReadonlySet<string>, result: Summary): boolean {
  for (const [index, each] of (status?.initContainerStatuses ?? []).entries()) {
    result.restarts += each.restartCount;
    result.lastRestart = later(result.lastRestart, each.lastState?.terminated?.finishedAt);
    const {terminated, waiting} = each.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(each.name) && each.started) {
      if (each.ready) result.ready++;
      continue;
    }
    if (terminated) result.reason = `Init:${endOf(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') result.reason = `Init:${waiting.reason}`;
    else result.reason = `Init:${index}/${(spec?.initContainers ?? []).length}`;
    return true;
  }
  return false;
}

function addContainers(pod: Pod, sidecars: ReadonlySet<string>, result: Summary): void {
  result.restarts = 0;
  result.lastRestart = undefined;
  for (const each of pod.status?.initContainerStatuses ?? []) {
    if (!sidecars.has(each.name)) continue;
    result.restarts += each.restartCount;
    result.lastRestart = later(result.lastRestart, each.lastState?.terminated?.finishedAt);
  }
  let running = false;
  for (const each of (pod.status?.containerStatuses ?? []).toReversed()) {
    result.restarts += each.restartCount;
    result.lastRestart = later(result.lastRestart, each.lastState?.terminated?.finishedAt);
    const {terminated, waiting} = each.state ?? {};
    if (waiting?.reason) result.reason = waiting.reason;
    else if (terminated) result.reason = endOf(terminated);
    else if (each.ready && each.state?.running) {
      running = true;
      result.ready++;
    }
  }
  // Some containers are through and others run.
  if (result.reason === 'Completed' && running) result.reason = isTrue(pod, 'Ready') ? 'Running' : 'NotReady';
}

function endOf({reason, signal, exitCode}: NonNullable<ContainerState['terminated']>): string {
  return reason || (signal ? `Signal:${signal}` : `ExitCode:${exitCode}`);
}

function isTrue({status}: Pod, wanted: string): boolean {
  return status?.conditions?.find(({type}) => type === wanted)?.status === 'True';
}

function later(a: string | undefined, b: string | null | undefined): string | undefined {
  if (!b) return a;
  return a === undefined || a < b ? b : a;
}
