import {Client, kinds, Transport} from '@kruntimes/reconciler-kit';
import type {ControlPlaneAccess} from '@kruntimes/reconciler-kit/testing';
import {ExecKubelet} from './exec-kubelet.ts';

/** A node with the Pod `target` (container `main`) in a namespace of its own. */
export interface ExecNode extends AsyncDisposable {
  namespace: string;
}

/** A node whose kubelet is an {@link ExecKubelet}: it runs any command here. */
export async function startExecNode(controlPlane: ControlPlaneAccess): Promise<ExecNode> {
  const namespace = await controlPlane.createNamespace();
  const {cert, key} = controlPlane.issueCertificate({commonName: `system:node:${namespace}`, hosts: ['127.0.0.1']});
  const kubelet = new ExecKubelet({cert, key, ca: controlPlane.ca});
  await kubelet.start();
  const client = new Client(new Transport(controlPlane.config));
  const nodes = client.kind(kinds.Node);
  await nodes.create({metadata: {name: namespace}});
  const addresses = [{type: 'InternalIP', address: '127.0.0.1'}];
  const body = {status: {addresses, daemonEndpoints: {kubeletEndpoint: {Port: kubelet.port}}}};
  await nodes.patchStatus({name: namespace}, {type: 'merge', body});
  const containers = [{name: 'main', image: 'x'}];
  await client.kind(kinds.Pod).create({metadata: {name: 'target', namespace}, spec: {nodeName: namespace, containers}});
  const stop = async (): Promise<void> => {
    await nodes.delete({name: namespace});
    await client.transport.close();
    await kubelet.close();
  };
  return {namespace, [Symbol.asyncDispose]: stop};
}
