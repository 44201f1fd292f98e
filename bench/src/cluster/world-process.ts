/** A whole kruntimes in a process of its own, so that the clock of the measurement shares its thread with nothing. */
import {fileURLToPath} from 'node:url';
import {API_VERSION, RUNTIME_LABEL, runtimeKind} from '@kruntimes/api-types';
import {DevCluster} from '@kruntimes/krt-cli/dev';
import {isAlreadyExists, kinds} from '@kruntimes/reconciler-kit';
import {
  type ControlPlaneFlavour,
  type ControlPlaneState,
  KubeControlPlane,
  waitFor,
  waitForObject,
} from '@kruntimes/reconciler-kit/testing';
import {serve} from './child-service.ts';

/** Processes by what they are. */
export interface WorldProcesses {
  server: number[];
  scheduler: number[];
  controller: number[];
  /** The node of the development cluster: what kubelet, container runtime and controller-manager do elsewhere. */
  node: number[];
  runtimed: number[];
  runtimeServer: number[];
}

export interface RuntimeRequest {
  namespace: string;
  name: string;
  pods: number;
  /** Slots of each Pod. */
  slots: number;
  /** With a store for artifacts, on a volume. */
  artifacts?: boolean;
}

export type WorldMethods = {
  start(options: {flavour: ControlPlaneFlavour; podDirectory: string | undefined}): Promise<ControlPlaneState>;
  createNamespace(name: string): Promise<void>;
  /** Creates it, or gives it so many Pods; resolves when all of them take Runs. */
  runtime(request: RuntimeRequest): Promise<void>;
  processes(): Promise<WorldProcesses>;
  setApp(request: {app: 'scheduler' | 'controller'; running: boolean}): Promise<void>;
};

const server = fileURLToPath(new URL('../../../apps/krt-cli/dist/dev/kruntimes-apiserver/main.js', import.meta.url));
let cluster: DevCluster | undefined;

const started = (): DevCluster => {
  if (cluster === undefined) throw new Error('there is no cluster');
  return cluster;
};

const methods: WorldMethods = {
  async start({flavour, podDirectory}) {
    cluster = await DevCluster.start({
      controlPlaneOptions: {
        server: flavour,
        durable: true,
        program: [process.execPath, '--disable-warning=ExperimentalWarning', server],
      },
      ...(podDirectory !== undefined && {parentDirectory: podDirectory}),
      // Finished Runs stay: what deletes them would be measured too.
      args: {controller: ['--max-finished-runs-per-namespace=1000000']},
      progress: (step) => console.error(`  ${step}`),
    });
    return cluster.controlPlane.state;
  },

  async createNamespace(name) {
    const {client} = started();
    await client
      .kind(kinds.Namespace)
      .create({metadata: {name}})
      .catch((error: unknown) => {
        if (!isAlreadyExists(error)) throw error;
      });
    await waitForObject(client.kind(kinds.ServiceAccount), {namespace: name, name: 'default'});
  },

  async runtime({namespace, name, pods, slots, artifacts}) {
    const {client} = started();
    const spec = {
      replicas: pods,
      capacity: {resources: {runs: slots}},
      template: {spec: {containers: [{name: 'runtime', image: 'kruntimes-bash-runtime:latest'}]}},
      ...(artifacts && {artifactStore: {filesystem: {claimName: 'artifacts'}}}),
    };
    const metadata = {namespace, name};
    await client
      .kind(runtimeKind)
      .apply({apiVersion: API_VERSION, kind: 'Runtime', metadata, spec}, {fieldManager: 'bench', force: true});
    await waitFor(
      client.kind(kinds.Pod),
      (found) =>
        found.length === pods &&
        found.every(({status}) => status?.conditions?.some(({type, status: is}) => type === 'Ready' && is === 'True')),
      {namespace, labelSelector: `${RUNTIME_LABEL}=${name}`, timeoutMs: 120_000, description: `${pods} ready Pods`},
    );
  },

  async processes() {
    const {agent, controller, scheduler, ownControlPlane} = started();
    const present = (pids: readonly (number | undefined)[]): number[] => pids.filter((pid) => pid !== undefined);
    const containers = (name: string): number[] => present(agent.workers.map((pod) => pod.container(name)?.pid));
    const etcd = ownControlPlane instanceof KubeControlPlane ? ownControlPlane.etcdPid : undefined;
    return {
      server: present([ownControlPlane?.apiServerPid, etcd]),
      scheduler: present([scheduler.pid]),
      controller: present([controller.pid]),
      node: [process.pid],
      runtimed: containers('runtimed'),
      runtimeServer: containers('runtime'),
    };
  },

  async setApp({app, running}) {
    const process = started()[app];
    if (running) await process.start();
    else await process.kill('SIGTERM');
  },
};

serve(methods, async () => await cluster?.stop());
