import {get} from 'node:https';
import {fileURLToPath} from 'node:url';
import {expect, test} from '@jest/globals';
import {type KubeControlPlane, SocketProxy, startKubeControlPlane} from './index.ts';

const resolve = {goModule: fileURLToPath(new URL('../../../../tools/kube', import.meta.url))};

test('keeps its data over kill -9 of both servers, and leaves nothing', async () => {
  const controlPlane = await startKubeControlPlane({resolve});
  const namespace = await controlPlane.createNamespace();
  const pids = [controlPlane.apiServerPid, controlPlane.etcdPid];
  await controlPlane.killApiServer();
  await controlPlane.killEtcd();
  await controlPlane.restartEtcd();
  await controlPlane.restartApiServer();
  expect(pids).not.toContain(controlPlane.apiServerPid);
  expect(pids).not.toContain(controlPlane.etcdPid);
  expect(await controlPlane.adminRequest('GET', `/api/v1/namespaces/${namespace}`)).toMatchObject({
    metadata: {name: namespace},
  });
  const {apiServerPid, etcdPid} = controlPlane;
  await controlPlane.stop();
  for (const pid of [apiServerPid, etcdPid]) expect(() => process.kill(pid!, 0)).toThrow('ESRCH');
}, 120_000);

test('reaches etcd by the way that it is told, and comes back when that way was cut', async () => {
  let way: SocketProxy | undefined;
  const controlPlane = await startKubeControlPlane({
    resolve,
    durable: true,
    etcdServerFor: async (etcdServer) => {
      way = await SocketProxy.start({target: {port: Number(new URL(etcdServer).port)}});
      return `http://127.0.0.1:${(way.address as {port: number}).port}`;
    },
  });
  try {
    const namespace = await controlPlane.createNamespace();
    expect(way?.cut()).toBeGreaterThan(0);
    await controlPlane.waitUntilReady();
    expect(await controlPlane.adminRequest('GET', `/api/v1/namespaces/${namespace}`)).toMatchObject({
      metadata: {name: namespace},
    });
  } finally {
    await controlPlane.stop();
    await way?.close();
  }
}, 120_000);

test('kube-controller-manager comes back when it ends, and goes with the rest', async () => {
  const controlPlane = await startKubeControlPlane({resolve, controllers: true});
  const first = controlPlane.controllerManagerPid!;
  const pids = new Set([first]);
  const account = async (namespace: string): Promise<void> => {
    await controlPlane.adminRequest('POST', '/api/v1/namespaces', {metadata: {name: namespace}});
    const path = `/api/v1/namespaces/${namespace}/serviceaccounts`;
    await watchUntil(controlPlane, `${path}?watch=true&fieldSelector=metadata.name%3Ddefault`);
  };
  try {
    await account('before');
    process.kill(first, 'SIGKILL');
    await account('after');
    pids.add(controlPlane.controllerManagerPid!);
    expect(pids.size).toBe(2);
  } finally {
    await controlPlane.stop();
  }
  for (const pid of pids) expect(() => process.kill(pid, 0)).toThrow('ESRCH');
}, 240_000);

/** Until a watch tells of something. */
async function watchUntil({state, ca, server}: KubeControlPlane, path: string): Promise<void> {
  const headers = {authorization: `Bearer ${state.adminToken}`};
  await new Promise<void>((told, reject) => {
    const watch = get(new URL(path, server), {ca, agent: false, headers}, (answer) => {
      answer.once('data', () => {
        watch.destroy();
        told();
      });
    });
    watch.once('error', reject);
  });
}
