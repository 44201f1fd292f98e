import {type ChildProcessWithoutNullStreams, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect} from '@jest/globals';
import {NodeAgent} from '@kruntimes/krt-cli/dev';
import {Client, EventRecorder, kinds, Transport} from '@kruntimes/reconciler-kit';
import {
  type ControlPlaneAccess,
  ProcessGuard,
  sharedControlPlane,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import {kubectlTest} from './support/kubectl.ts';

const MIB = 1024 * 1024;
const port = 18_097;
const program = `
  require('http').createServer((request, response) => {
    let bytes = 0;
    request.on('data', (chunk) => { bytes += chunk.length; });
    request.on('end', () => response.end(Buffer.alloc(${5 * MIB} + bytes, 'x')));
  }).listen(${port}, process.env.POD_IP);`;

let controlPlane: ControlPlaneAccess;
let namespace: string;
let directory: string;
let client: Client;
let guard: ProcessGuard;
let events: EventRecorder;
let running: Promise<void>;
const stop = new AbortController();

beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  namespace = await controlPlane.createNamespace();
  directory = await mkdtemp(join(tmpdir(), 'pf-'));
  const user = `system:node:${namespace}`;
  client = new Client(new Transport(controlPlane.userConfig({user, groups: ['system:masters']})));
  guard = new ProcessGuard();
  events = new EventRecorder({client, controller: 'kruntimes.io/node-agent'});
  const agent = new NodeAgent({
    nodeName: namespace,
    namespace,
    client,
    events,
    images: {server: {command: [process.execPath, '-e', program]}},
    guard,
    directory,
    clusterCa: controlPlane.ca,
    apiServer: controlPlane.server,
    serving: controlPlane.issueCertificate({commonName: user, hosts: ['127.0.0.1']}),
  });
  running = agent.start(stop.signal);
  const pods = client.kind(kinds.Pod);
  await pods.create({
    metadata: {name: 'target', namespace},
    spec: {
      containers: [
        {
          name: 'main',
          image: 'server',
          env: [{name: 'POD_IP', valueFrom: {fieldRef: {fieldPath: 'status.podIP'}}}],
          readinessProbe: {tcpSocket: {port}, periodSeconds: 1},
        },
      ],
    },
  });
  const ready = ({status}: {status?: {containerStatuses?: readonly {ready: boolean}[]}}): boolean =>
    status?.containerStatuses?.[0]?.ready === true;
  await waitForObject(pods, {namespace, name: 'target'}, ready, {timeoutMs: 60_000, description: 'the Pod is ready'});
}, 120_000);

afterAll(async () => {
  stop.abort();
  await running;
  await events.close();
  await guard.close();
  await client.kind(kinds.Node).delete({name: namespace});
  await client.transport.close();
  await rm(directory, {recursive: true});
});

/** Starts `kubectl port-forward` and resolves with the local port. */
async function forward(
  remote: number,
): Promise<{child: ChildProcessWithoutNullStreams; url: string; output(): string}> {
  const args = ['--namespace', namespace, 'port-forward', 'pod/target', `:${remote}`];
  const child = spawn('kubectl', args, {env: {...process.env, KUBECONFIG: controlPlane.kubeconfigPath}});
  let output = '';
  const {promise, resolve, reject} = Promise.withResolvers<string>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      const match = /Forwarding from 127\.0\.0\.1:(\d+)/.exec(output);
      if (match) resolve(`http://127.0.0.1:${match[1]}/`);
    });
  }
  child.on('close', () => reject(new Error(output)));
  return {child, url: await promise, output: () => output};
}

kubectlTest('kubectl port-forward reaches a Pod of a local node', async () => {
  const {child, url, output} = await forward(port);
  try {
    const answers = await Promise.all(
      [0, MIB, 3 * MIB].map(async (bytes) => {
        const response = await fetch(url, {method: 'POST', body: Buffer.alloc(bytes), headers: {connection: 'close'}});
        return (await response.arrayBuffer()).byteLength - bytes;
      }),
    );
    expect(answers).toEqual([5 * MIB, 5 * MIB, 5 * MIB]);
  } finally {
    const closed = once(child, 'close');
    child.kill();
    await closed;
  }
  expect(output()).not.toContain('error');
});

kubectlTest('kubectl port-forward says that nobody listens', async () => {
  const {child, url, output} = await forward(18_098);
  const closed = once(child, 'close');
  const told = new Promise<void>((resolve) => {
    child.stderr.on('data', () => output().includes('ECONNREFUSED') && resolve());
  });
  try {
    await expect(fetch(url)).rejects.toThrow();
    await told;
  } finally {
    child.kill();
    await closed;
  }
});
