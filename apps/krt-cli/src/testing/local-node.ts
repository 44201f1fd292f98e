import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Client, type DeepReadonly, EventRecorder, kinds, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlaneAccess, ProcessGuard, waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import type {ImageMap} from '../dev/node/image-map.ts';
import {NodeAgent} from '../dev/node/node-agent.ts';

/** A node whose Pods are real processes, for one namespace of a test control plane. */
export class LocalNode implements AsyncDisposable {
  readonly client: Client;
  readonly namespace: string;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #guard: ProcessGuard;
  readonly #events: EventRecorder;
  readonly #directory: string;
  readonly #nodeName: string;

  private constructor(controlPlane: ControlPlaneAccess, namespace: string, images: ImageMap, directory: string) {
    this.namespace = namespace;
    this.#directory = directory;
    this.#nodeName = `local-${namespace}`;
    const user = `system:node:${this.#nodeName}`;
    this.client = new Client(new Transport(controlPlane.userConfig({user, groups: ['system:masters']})));
    this.#events = new EventRecorder({client: this.client, controller: 'kruntimes.io/node-agent'});
    this.#guard = new ProcessGuard();
    const agent = new NodeAgent({
      nodeName: this.#nodeName,
      namespace,
      client: this.client,
      events: this.#events,
      images,
      guard: this.#guard,
      directory,
      clusterCa: controlPlane.ca,
      apiServer: controlPlane.server,
      serving: controlPlane.issueCertificate({commonName: user, hosts: ['127.0.0.1']}),
    });
    this.#running = agent.start(this.#stop.signal);
  }

  static async start(controlPlane: ControlPlaneAccess, namespace: string, images: ImageMap): Promise<LocalNode> {
    return new LocalNode(controlPlane, namespace, images, await mkdtemp(join(tmpdir(), 'ln-')));
  }

  /** Creates a Pod and waits until it is Ready. */
  async readyPod(name: string, spec: NonNullable<Pod['spec']>, labels: Record<string, string> = {}): Promise<Pod> {
    const {namespace} = this;
    const pods = this.client.kind(kinds.Pod);
    await pods.create({metadata: {name, namespace, labels}, spec});
    return await waitForObject(pods, {namespace, name}, isReady, {
      timeoutMs: 60_000,
      description: `Pod ${name} is ready`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#events.close();
    await this.#guard.close();
    await this.client.kind(kinds.Node).delete({name: this.#nodeName});
    await this.client.transport.close();
    await rm(this.#directory, {recursive: true});
  }
}

function isReady({status}: DeepReadonly<Pod>): boolean {
  return status?.conditions?.some(({type, status: value}) => type === 'Ready' && value === 'True') ?? false;
}
