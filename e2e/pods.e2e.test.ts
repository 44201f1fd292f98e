import {describe, expect, test} from '@jest/globals';
import {
  isTerminal,
  type Run,
  type RunSpec,
  type Runtime,
  runKind,
  runtimeKind,
  WORKSPACE_VOLUME,
} from '@kruntimes/api-types';
import {type CommandResult, command} from '@kruntimes/command';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {suite} from './support/suite.ts';
import {patient} from './support/world.ts';

const namespace = 'pods';

const e2e = suite(async (world) => {
  await world.installed();
  await world.createNamespace(namespace);
});

async function createRuntime(name: string, more: Partial<Runtime['spec']> = {}, memory?: string): Promise<void> {
  const {client, version} = e2e.world;
  const runtimes = client.kind(runtimeKind);
  await runtimes.create({
    metadata: {name, namespace},
    spec: {
      replicas: 2,
      capacity: {resources: {runs: 2}},
      template: {
        spec: {
          securityContext: {runAsNonRoot: true, seccompProfile: {type: 'RuntimeDefault'}},
          terminationGracePeriodSeconds: 20,
          containers: [
            {
              name: 'runtime',
              image: `kruntimes-bash-runtime:${version}`,
              securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: ['ALL']}},
              volumeMounts: [{name: 'memory', mountPath: '/memory'}],
              ...(memory !== undefined && {resources: {limits: {memory}}}),
            },
          ],
          volumes: [{name: 'memory', emptyDir: {medium: 'Memory'}}],
        },
      },
      ...more,
    },
  });
  const isReady = ({status}: Runtime): boolean => (status?.readyReplicas ?? 0) === 2;
  await waitForObject(runtimes, {namespace, name}, isReady, {...patient, description: `Runtime ${name} ready`});
}

/** Creates a Run and waits until its program is at work. */
async function start(
  runtime: string,
  inline: string,
): Promise<{name: string; uid: string; pod: string; podUID: string}> {
  const runs = e2e.world.client.kind(runKind);
  const spec: RunSpec = {runtime, source: {inline}};
  const {metadata} = await runs.create({metadata: {generateName: `${runtime}-`, namespace}, spec});
  const name = metadata?.name ?? '';
  const isAtWork = ({status}: Run): boolean => status?.phase === 'Running' || isTerminal(status?.phase);
  const run = await waitForObject(runs, {namespace, name}, isAtWork, {...patient, description: `Run ${name} at work`});
  expect(run.status?.phase).toBe('Running');
  const {assignedPod: pod = '', assignedPodUID: podUID = ''} = run.status ?? {};
  return {name, uid: metadata?.uid ?? '', pod, podUID};
}

async function ended(name: string): Promise<NonNullable<Run['status']>> {
  const runs = e2e.world.client.kind(runKind);
  const isOver = ({status}: Run): boolean => isTerminal(status?.phase);
  const {status} = await waitForObject(runs, {namespace, name}, isOver, {...patient, description: `Run ${name} ended`});
  return status!;
}

async function waitForPod(name: string, what: string, isSo: (pod: Pod) => boolean): Promise<void> {
  const description = `Pod ${name} ${what}`;
  await waitForObject(e2e.world.client.kind(kinds.Pod), {namespace, name}, isSo, {...patient, description});
}

/** Runs a script in a container of a Runtime Pod, as the container's user. */
async function inContainer(pod: string, container: string, script: string): Promise<CommandResult> {
  const args = ['--kubeconfig', e2e.world.cluster.kubeconfig, '-n', namespace, 'exec', pod, '-c', container, '--'];
  return await command('kubectl', [...args, 'sh', '-euc', script]);
}

/** Tells the program of a Run to go on: past the kubelet, which may just be away. */
async function tell({uid, podUID}: {uid: string; podUID: string}): Promise<void> {
  const volumes = `/var/lib/kubelet/pods/${podUID}/volumes/kubernetes.io~empty-dir`;
  const file = `${volumes}/${WORKSPACE_VOLUME}/${uid}-1/work/go`;
  expect(await e2e.world.cluster.inside(['touch', file])).toMatchObject({code: 0, stderr: ''});
}

/** A program that does harm in its first attempt, and goes on for as long as it lives; in the second one it ends well. */
const onlyAtFirst = (harm: string): string =>
  `if [ "$KRUNTIME_RUN_ATTEMPT" = 1 ]; then ${harm}; sleep 3600; fi; echo "attempt=$KRUNTIME_RUN_ATTEMPT" >> "$KRUNTIME_OUTPUTS"`;
/** A program that ends when its file `go` is there. */
const untilTold = 'until [ -e go ]; do sleep 0.1; done; echo "attempt=$KRUNTIME_RUN_ATTEMPT" >> "$KRUNTIME_OUTPUTS"';

const ranAgain = {phase: 'Succeeded', attempt: 2, disruptions: 1, outputs: {attempt: '2'}};
const undisturbed = {phase: 'Succeeded', attempt: 1, outputs: {attempt: '1'}};

describe('a Run whose Pod', () => {
  test(
    'is deleted runs again on another one, within the time that the Pod has to end',
    e2e.reported(async () => {
      await createRuntime('deleted');
      const run = await start('deleted', onlyAtFirst('true'));
      await e2e.world.client.kind(kinds.Pod).delete({namespace, name: run.pod});
      expect(await ended(run.name)).toMatchObject(ranAgain);
    }),
  );

  test(
    'is evicted, since its workspace is over the limit, runs again on another one',
    e2e.reported(async () => {
      await createRuntime('evicted', {workspace: {sizeLimit: '16Mi'}});
      const run = await start('evicted', onlyAtFirst('head -c 64M /dev/zero > large'));
      const status = await ended(run.name);
      expect(status).toMatchObject(ranAgain);
      expect(status.assignedPod).not.toBe(run.pod);
    }),
  );

  test(
    'loses the main process of its runtime container to the OOM killer runs again',
    e2e.reported(async () => {
      await createRuntime('oom', {}, '256Mi');
      // Files in memory are no process's own: the largest process is the server, and that is what the kernel takes.
      const run = await start(
        'oom',
        onlyAtFirst('until [ -e go ]; do sleep 0.1; done; head -c 1G /dev/zero > /memory/large'),
      );
      await tell(run);
      await waitForPod(run.pod, 'has lost its runtime container', ({status}) =>
        (status?.containerStatuses ?? []).some(({lastState}) => lastState?.terminated?.exitCode === 137),
      );
      expect(await ended(run.name)).toMatchObject(ranAgain);
    }),
  );
});

describe('a Run goes on', () => {
  test(
    'while the kubelet is killed and starts again',
    e2e.reported(async () => {
      await createRuntime('kubelet');
      const run = await start('kubelet', untilTold);
      await e2e.world.cluster.restartKubelet();
      await tell(run);
      expect(await ended(run.name)).toMatchObject(undisturbed);
    }),
  );

  test(
    'while runtimed is killed and starts again',
    e2e.reported(async () => {
      await createRuntime('runtimed');
      const run = await start('runtimed', untilTold);
      // The command dies with the container.
      const script =
        'for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" != /usr/local/bin/node ] || kill -9 ${p#/proc/}; done';
      await inContainer(run.pod, 'runtimed', script);
      await waitForPod(run.pod, 'has a new runtimed', ({status}) =>
        (status?.initContainerStatuses ?? []).some(({restartCount, ready}) => restartCount === 1 && ready),
      );
      await tell(run);
      expect(await ended(run.name)).toMatchObject(undisturbed);
    }),
  );
});
