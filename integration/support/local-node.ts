import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {NodeAgent} from '@kruntimes/krt-cli/dev';
import {Client, EventRecorder, kinds, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlaneAccess, ProcessGuard, waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';

/** The node of `krt dev`, with the Pod `target` in a namespace of its own. */
export interface LocalNode extends AsyncDisposable {
  namespace: string;
}

export interface LocalNodeOptions {
  /** Command lines by the names of images. */
  images: Readonly<Record<string, readonly string[]>>;
  /** Of the Pod `target`. */
  spec: NonNullable<Pod['spec']>;
}

/** Resolves when all containers of the Pod are ready. */
export async function startLocalNode(
  controlPlane: ControlPlaneAccess,
  {images, spec}: LocalNodeOptions,
): Promise<LocalNode> {
  const namespace = await controlPlane.createNamespace();
  const user = `system:node:${namespace}`;
  const client = new Client(new Transport(controlPlane.userConfig({user, groups: ['system:masters']})));
  const guard = new ProcessGuard();
  const events = new EventRecorder({client, controller: 'kruntimes.io/node-agent'});
  const directory = await mkdtemp(join(tmpdir(), 'node-'));
  const agent = new NodeAgent({
    nodeName: namespace,
    namespace,
    client,
    events,
    images: Object.fromEntries(Object.entries(images).map(([name, command]) => [name, {command}])),
    guard,
    directory,
    clusterCa: controlPlane.ca,
    apiServer: controlPlane.server,
    serving: controlPlane.issueCertificate({commonName: user, hosts: ['127.0.0.1']}),
  });
  const ending = new AbortController();
  const running = agent.start(ending.signal);
  const pods = client.kind(kinds.Pod);
  await pods.create({metadata: {name: 'target', namespace}, spec});
  const isReady = ({status}: {status?: {containerStatuses?: readonly {ready: boolean}[]}}): boolean =>
    status?.containerStatuses?.every(({ready}) => ready) ?? false;
  await waitForObject(pods, {namespace, name: 'target'}, isReady, {
    timeoutMs: 120_000,
    description: 'the Pod is ready',
  });
  const stop = async (): Promise<void> => {
    ending.abort();
    await running;
    await events.close();
    await guard.close();
    await client.kind(kinds.Node).delete({name: namespace});
    await client.transport.close();
    await rm(directory, {recursive: true, force: true});
  };
  return {namespace, [Symbol.asyncDispose]: stop};
}
