// Jest's global set-up of the project `kube`: one etcd and kube-apiserver for all test files of a run.
import {fileURLToPath} from 'node:url';
import {startSharedControlPlane} from '../../packages/reconciler-kit/src/testing/index.ts';

export default async function setup() {
  const goModule = fileURLToPath(new URL('../kube', import.meta.url));
  globalThis.sharedControlPlane = await startSharedControlPlane({resolve: {goModule}});
}
