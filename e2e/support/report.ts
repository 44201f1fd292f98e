import {isTerminal, runKind, runtimeKind} from '@kruntimes/api-types';
import {command} from '@kruntimes/command';
import {type Client, kinds} from '@kruntimes/reconciler-kit';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';

const tailLines = 40;
const newestEvents = 60;

/** What one needs to understand a failure: states of Pods, Runtimes and Runs, Events, and the logs of our parts. */
export async function report(client: Client, kubeconfig: string): Promise<string> {
  const {items: pods} = await client.kind(kinds.Pod).list();
  const {items: runtimes} = await client
    .kind(runtimeKind)
    .list()
    .catch(() => ({items: []}));
  const {items: runs} = await client
    .kind(runKind)
    .list()
    .catch(() => ({items: []}));
  const {items: events} = await client.kind(kinds.Event).list();
  const ours = pods.filter(({metadata}) => metadata?.namespace !== 'kube-system');
  const logs = await Promise.all(ours.flatMap((pod) => logsOf(pod, kubeconfig)));
  const newest = events
    .map(({deprecatedLastTimestamp, eventTime, metadata, regarding, reason, note}) => ({
      time: eventTime ?? deprecatedLastTimestamp ?? metadata?.creationTimestamp ?? '',
      text: `${regarding?.kind} ${regarding?.namespace ?? ''}/${regarding?.name} ${reason}: ${note}`,
    }))
    .toSorted((a, b) => a.time.localeCompare(b.time))
    .slice(-newestEvents);
  return [
    section('Pods', ours.map(podLine)),
    section(
      'Runtimes',
      runtimes.map(({metadata, status}) => `${metadata?.namespace}/${metadata?.name} ${JSON.stringify(status)}`),
    ),
    section(
      'Runs that have not ended',
      runs
        .filter(({status}) => !isTerminal(status?.phase))
        .map(
          ({metadata, status}) => `${metadata?.namespace}/${metadata?.name} ${JSON.stringify({...metadata, status})}`,
        ),
    ),
    section(
      'Events, the newest last',
      newest.map(({time, text}) => `${time} ${text}`),
    ),
    ...logs,
  ].join('\n');
}

function section(title: string, lines: readonly string[]): string {
  return [`── ${title}`, ...(lines.length > 0 ? lines : ['none'])].join('\n');
}

function podLine({metadata, status}: Pod): string {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
    ({name, ready, restartCount, state, lastState}) =>
      `${name} ${ready ? 'ready' : 'not ready'} ${restartCount} restarts ${JSON.stringify(state)} before ${JSON.stringify(lastState)}`,
  );
  const deleted = metadata?.deletionTimestamp === undefined ? '' : `, deleted ${metadata.deletionTimestamp}`;
  const why = [status?.reason, status?.message].filter((text) => text !== undefined).join(': ');
  return [`${metadata?.namespace}/${metadata?.name} ${status?.phase} ${why}${deleted}`, ...containers].join('\n  ');
}

function logsOf({metadata, spec, status}: Pod, kubeconfig: string): Promise<string>[] {
  const {namespace = '', name = ''} = metadata ?? {};
  const restarted = new Set(
    [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
      .filter(({restartCount}) => restartCount > 0)
      .map((each) => each.name),
  );
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])].flatMap((container) => {
    const variants = restarted.has(container.name) ? [[], ['--previous']] : [[]];
    return variants.map(async (more) => {
      const args = ['--kubeconfig', kubeconfig, '-n', namespace, 'logs', name, '-c', container.name];
      const {stdout, stderr} = await command('kubectl', [...args, `--tail=${tailLines}`, ...more]);
      const title = `log of ${namespace}/${name} ${container.name} ${more.join('')}`;
      return section(title, [stdout.trimEnd() || stderr.trimEnd()]);
    });
  });
}
