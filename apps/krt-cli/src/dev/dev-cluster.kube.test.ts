import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, watch} from 'node:fs';
import {tmpdir} from 'node:os';
import {fileURLToPath} from 'node:url';
import {expect, test} from '@jest/globals';
import {API_VERSION, runKind, runtimeKind} from '@kruntimes/api-types';
import {type DeepReadonly, kinds} from '@kruntimes/reconciler-kit';
import {startControlPlane, waitFor, waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {DevCluster} from './dev-cluster.ts';
import {kubeModule} from './local-programs.ts';
import {processTable} from './node/process-table.ts';

const isReady = ({status}: DeepReadonly<Pod>): boolean =>
  status?.conditions?.some(({type, status: value}) => type === 'Ready' && value === 'True') ?? false;

test('a development cluster in one namespace of somebody else’s control plane survives the death of each part', async () => {
  await using controlPlane = await startControlPlane({controllers: true, resolve: {goModule: kubeModule}});
  const namespace = await controlPlane.createNamespace();
  const cluster = await DevCluster.start({controlPlane, namespace});
  const {client} = cluster;
  const pods = client.kind(kinds.Pod);
  const succeeds = async (name: string): Promise<void> => {
    const runs = client.kind(runKind);
    await runs.create({
      apiVersion: API_VERSION,
      kind: 'Run',
      metadata: {name, namespace},
      spec: {runtime: 'bash', args: ['true']},
    });
    const ended = await waitForObject(runs, {name, namespace}, ({status}) => status?.completionTime !== undefined, {
      timeoutMs: 30_000,
    });
    expect(ended.status?.phase).toBe('Succeeded');
  };
  try {
    await client.kind(runtimeKind).create({
      apiVersion: API_VERSION,
      kind: 'Runtime',
      metadata: {name: 'bash', namespace},
      spec: {
        replicas: 1,
        capacity: {resources: {runs: 1}},
        template: {spec: {containers: [{name: 'runtime', image: 'kruntimes-bash-runtime:latest'}]}},
      },
    });
    const [pod] = await waitFor(pods, (list) => list.some(isReady), {
      namespace,
      timeoutMs: 30_000,
      description: 'a ready Pod',
    });
    const ref = {namespace, name: pod?.metadata?.name ?? ''};
    expect(pod?.spec?.nodeName).toBe(cluster.nodeName);
    await succeeds('first');

    const restarts = ({status}: Pod): (number | undefined)[] =>
      [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].map(
        ({restartCount}) => restartCount,
      );
    cluster.killContainer(ref, 'runtimed');
    await waitForObject(pods, ref, (each) => restarts(each)[0] === 1 && isReady(each), {
      timeoutMs: 30_000,
      description: 'runtimed is back',
    });
    cluster.killContainer(ref, 'runtime');
    await waitForObject(pods, ref, (each) => restarts(each)[1] === 1 && isReady(each), {
      timeoutMs: 30_000,
      description: 'the Runtime server is back',
    });
    await succeeds('second');

    const {pid: before} = cluster.scheduler;
    await Promise.all([cluster.scheduler.restart(), cluster.controller.restart()]);
    expect(cluster.scheduler.pid).not.toBe(before);
    await succeeds('third');

    await cluster.stopNodeAgent();
    expect(() => cluster.agent).toThrow('stopped');
    expect((await processTable()).filter(({cwd}) => cwd.startsWith(`${cluster.directory}/p/`))).toEqual([]);
    await cluster.startNodeAgent();
    await waitForObject(pods, ref, (each) => restarts(each).join() === '2,2' && isReady(each), {
      timeoutMs: 30_000,
      description: 'the Pod is back',
    });
    await succeeds('fourth');
  } finally {
    await cluster.stop();
  }
  expect(existsSync(cluster.directory)).toBe(false);
  // Its Deployments go on, and wait for another node.
  const path = `/api/v1/namespaces/${namespace}/pods?fieldSelector=spec.nodeName%3D${cluster.nodeName}`;
  expect((await controlPlane.adminRequest<{items: unknown[]}>('GET', path)).items).toEqual([]);
}, 120_000);

test('when its owner is killed with SIGKILL, nothing stays', async () => {
  const source = `
    const {DevCluster} = await import(${JSON.stringify(fileURLToPath(new URL('dev-cluster.ts', import.meta.url)))});
    const cluster = await DevCluster.start();
    console.log(JSON.stringify({directories: [cluster.directory, cluster.controlPlane.directory], pids: [cluster.controller.pid, cluster.scheduler.pid]}));
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--conditions=development', '--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(owner.stdout, 'data')) as [Buffer];
  const {directories, pids} = JSON.parse(line.toString()) as {directories: string[]; pids: number[]};
  const removed = untilGone(directories);
  owner.kill('SIGKILL');
  await removed;
  const living = new Set((await processTable()).map(({pid}) => pid));
  expect(pids.filter((pid) => living.has(pid))).toEqual([]);
}, 120_000);

/** The guards remove directories last: what was in them has ended then. */
async function untilGone(directories: readonly string[]): Promise<void> {
  await new Promise<void>((resolve) => {
    const watcher = watch(tmpdir(), () => {
      if (directories.some((directory) => existsSync(directory))) return;
      watcher.close();
      resolve();
    });
  });
}
