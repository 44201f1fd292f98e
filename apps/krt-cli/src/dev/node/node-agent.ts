import {
  type Client,
  type Clock,
  type EventRecorder,
  isConflict,
  isNotFound,
  kinds,
  type Logger,
  type Runnable,
  rfc3339,
  silentLogger,
  systemClock,
  Watcher,
} from '@kruntimes/reconciler-kit';
import type {KeyPair, ProcessGuard} from '@kruntimes/reconciler-kit/testing';
import type {Node, Pod} from 'kubernetes-types/core/v1.d.ts';
import {type BackOffOptions, defaultBackOff} from './back-off.ts';
import type {ContainerLog} from './container-log.ts';
import type {ImageMap} from './image-map.ts';
import {type ContainerQuery, KubeletServer, type ReachableContainer} from './kubelet-server.ts';
import type {NodeContext} from './node-context.ts';
import {PodWorker} from './pod-worker.ts';

export interface NodeAgentOptions {
  /** Name of its Node object. */
  nodeName: string;
  client: Client;
  events: EventRecorder;
  images: ImageMap;
  /** Ends all processes when this process dies. */
  guard: ProcessGuard;
  /** Folder for Pods and logs; a short path, since Unix sockets in it may have no more than about 100 bytes. */
  directory: string;
  /** PEM of the API server's authority. */
  clusterCa: string;
  /** What containers use as API server, for example `https://127.0.0.1:6443`. */
  apiServer: string;
  /** Server certificate for {@link hostIP}. */
  serving: KeyPair;
  /** Common name of the API server's client certificate. */
  apiServerClientName?: string;
  /** Takes Pods of this namespace only. */
  namespace?: string;
  hostIP?: string;
  backOff?: BackOffOptions;
  clock?: Clock;
  logger?: Logger;
}

/**
 * A node that runs Pods as processes of this machine: each container is the local program that its image stands for, in a
 * session of its own; paths of its volumes in arguments and environment are turned into folders of the Pod; each Pod has
 * a loopback address. No isolation: what runs here can do whatever this user can.
 *
 * Its processes die with it. A new agent of the same name starts them anew, with a higher restart count; emptyDir volumes
 * do not survive that.
 */
export class NodeAgent implements Runnable {
  readonly name = 'node-agent';
  readonly #options: NodeAgentOptions;
  readonly #context: NodeContext;
  readonly #server: KubeletServer;
  readonly #workers = new Map<string, PodWorker>();

  constructor(options: NodeAgentOptions) {
    const {nodeName, client, events, images, guard, directory, clusterCa} = options;
    const {hostIP = '127.0.0.1', backOff = defaultBackOff, clock = systemClock, logger = silentLogger} = options;
    const api = new URL(options.apiServer);
    this.#options = options;
    this.#context = {
      nodeName,
      client,
      events,
      images,
      guard,
      directory,
      clusterCa,
      hostIP,
      backOff,
      clock,
      logger,
      containerEnv: {
        PATH: process.env['PATH'] ?? '/usr/bin:/bin',
        LANG: 'C.UTF-8',
        KUBERNETES_SERVICE_HOST: api.hostname,
        KUBERNETES_SERVICE_PORT: api.port,
        KUBERNETES_SERVICE_PORT_HTTPS: api.port,
      },
    };
    this.#server = new KubeletServer({
      ...options.serving,
      ca: clusterCa,
      clientName: options.apiServerClientName ?? 'kube-apiserver-kubelet-client',
      findLog: (query) => this.#findLog(query),
      findContainer: (query) => this.#findContainer(query),
      podAddress: (namespace, pod) => this.worker(namespace, pod)?.podIP,
      now: () => clock.now(),
    });
  }

  /** The Pods that it runs. */
  get workers(): PodWorker[] {
    return [...this.#workers.values()];
  }

  /** By namespace and name. */
  worker(namespace: string, name: string): PodWorker | undefined {
    return this.workers.find((worker) => worker.namespace === namespace && worker.name === name);
  }

  async start(signal: AbortSignal): Promise<void> {
    const {client, nodeName, namespace} = this.#options;
    const {logger} = this.#context;
    const pods = client.kind(kinds.Pod);
    await this.#server.start(this.#context.hostIP);
    try {
      await this.#register();
      const own = new Watcher(pods, {namespace, fieldSelector: `spec.nodeName=${nodeName}`, logger});
      const unbound = new Watcher(pods, {namespace, fieldSelector: 'spec.nodeName=', logger});
      await Promise.all([
        own.run({replace: (list) => this.#replace(list), event: (type, pod) => this.#event(type, pod)}, signal),
        unbound.run(
          {
            replace: (list) => list.forEach((pod) => void this.#bind(pod)),
            event: (type, pod) => void (type === 'ADDED' && this.#bind(pod)),
          },
          signal,
        ),
      ]);
    } finally {
      await Promise.all(this.workers.map((worker) => worker.abandon()));
      await this.#server.close();
    }
  }

  #replace(list: readonly Pod[]): void {
    const present = new Set(list.map(({metadata}) => metadata?.uid));
    for (const worker of this.workers) if (!present.has(worker.uid)) worker.objectDeleted();
    for (const pod of list) this.#event('MODIFIED', pod);
  }

  #event(type: 'ADDED' | 'MODIFIED' | 'DELETED', pod: Pod): void {
    const uid = pod.metadata?.uid ?? '';
    const worker = this.#workers.get(uid);
    if (type === 'DELETED') worker?.objectDeleted();
    else if (worker) worker.update(pod);
    else {
      const created = new PodWorker(pod, this.#context);
      this.#workers.set(uid, created);
      void created.done.then(() => this.#workers.delete(uid));
    }
  }

  /** There is one node: placing a Pod needs no scheduler. */
  async #bind(pod: Pod): Promise<void> {
    const {name, namespace, uid, deletionTimestamp} = pod.metadata ?? {};
    if (deletionTimestamp || pod.spec?.schedulingGates?.length) return;
    const {client, nodeName} = this.#options;
    try {
      await client.transport.request({
        method: 'POST',
        path: `/api/v1/namespaces/${namespace}/pods/${name}/binding`,
        body: {
          apiVersion: 'v1',
          kind: 'Binding',
          metadata: {name, namespace, uid},
          target: {apiVersion: 'v1', kind: 'Node', name: nodeName},
        },
      });
    } catch (error) {
      if (isNotFound(error) || isConflict(error)) return;
      this.#context.logger.warn('pod was not bound', {pod: name, namespace, error});
    }
  }

  /** Makes the Node object. It has no heartbeat: nobody here would take the node for dead, and an idle node stays silent. */
  async #register(): Promise<void> {
    const {client, nodeName} = this.#options;
    const {hostIP, clock} = this.#context;
    const nodes = client.kind(kinds.Node);
    const options = {fieldManager: 'node-agent', force: true};
    const metadata = {
      name: nodeName,
      labels: {'kubernetes.io/hostname': nodeName, 'kubernetes.io/os': process.platform},
    };
    const node: Node = {apiVersion: 'v1', kind: 'Node', metadata};
    await nodes.apply(node, options);
    const now = rfc3339(clock.now());
    await nodes.applyStatus(
      {
        ...node,
        status: {
          addresses: [
            {type: 'InternalIP', address: hostIP},
            {type: 'Hostname', address: nodeName},
          ],
          daemonEndpoints: {kubeletEndpoint: {Port: this.#server.port}},
          capacity: {pods: '110'},
          allocatable: {pods: '110'},
          conditions: [
            {
              type: 'Ready',
              status: 'True',
              reason: 'NodeAgentReady',
              message: 'runs Pods as local processes',
              lastHeartbeatTime: now,
              lastTransitionTime: now,
            },
          ],
        },
      },
      options,
    );
  }

  #findContainer({namespace, pod, container}: ContainerQuery): ReachableContainer | string {
    const worker = this.worker(namespace, pod);
    if (worker === undefined) return `pod ${namespace}/${pod} does not run on this node`;
    const runner = worker.container(container);
    const process = runner?.process;
    if (runner === undefined || process === undefined) return `container not found ("${container}")`;
    return {process, stdinOnce: runner.stdinOnce, run: (command) => runner.run(command)};
  }

  #findLog({namespace, pod, container, previous}: ContainerQuery & {previous: boolean}): ContainerLog | string {
    const worker = this.worker(namespace, pod);
    if (worker === undefined) return `pod ${namespace}/${pod} does not run on this node`;
    return (
      worker.log(container, previous) ?? `container ${container} of pod ${pod} has no ${previous ? 'previous ' : ''}log`
    );
  }
}
