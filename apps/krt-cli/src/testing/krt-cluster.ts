import {join} from 'node:path';
import {runCrd, runtimeCrd} from '@kruntimes/api-types/crds';
import {Client, type ClusterConfig, kinds, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlaneAccess, sharedControlPlane, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {type KrtOptions, KrtProcess, type KrtResult} from './krt-process.ts';
import {RunPlayer} from './run-player.ts';
import {StubNode} from './stub-node.ts';

/** A namespace of the shared API server with our CRDs, a node, a Runtime Pod, and a kubeconfig for krt. */
export class KrtCluster implements AsyncDisposable {
  readonly controlPlane: ControlPlaneAccess;
  readonly client: Client;
  readonly namespace: string;
  readonly kubeconfig: string;
  readonly node: StubNode;
  readonly pod: {name: string; uid: string};

  constructor(parts: {
    controlPlane: ControlPlaneAccess;
    client: Client;
    namespace: string;
    kubeconfig: string;
    node: StubNode;
    pod: {name: string; uid: string};
  }) {
    this.controlPlane = parts.controlPlane;
    this.client = parts.client;
    this.namespace = parts.namespace;
    this.kubeconfig = parts.kubeconfig;
    this.node = parts.node;
    this.pod = parts.pod;
  }

  static async start(): Promise<KrtCluster> {
    const controlPlane = await sharedControlPlane();
    const client = new Client(new Transport(controlPlane.config));
    const crds = client.kind(kinds.CustomResourceDefinition);
    for (const crd of [runCrd, runtimeCrd]) {
      await crds.apply(crd, {fieldManager: 'krt-tests', force: true});
      const established = (each: typeof crd): boolean =>
        each.status?.conditions?.some(({type, status}) => type === 'Established' && status === 'True') ?? false;
      await waitForObject(crds, {name: crd.metadata?.name ?? ''}, established);
    }
    const namespace = await controlPlane.createNamespace();
    const kubeconfig = join(controlPlane.directory, `${namespace}.kubeconfig`);
    await controlPlane.writeKubeconfig(kubeconfig, {...controlPlane.config, namespace});
    const node = await StubNode.start(controlPlane, client, `node-${namespace}`);
    const pod = await node.createPod(namespace, 'bash-runtime-1', 'bash');
    return new KrtCluster({controlPlane, client, namespace, kubeconfig, node, pod});
  }

  /** Starts krt without waiting for its end. */
  start(args: readonly string[], options: KrtOptions = {}): KrtProcess {
    return new KrtProcess(args, {kubeconfig: this.kubeconfig, ...options});
  }

  async krt(args: readonly string[], options: KrtOptions = {}): Promise<KrtResult> {
    return await this.start(args, options).result();
  }

  player(name: string): RunPlayer {
    return new RunPlayer(this.client, this.node, {namespace: this.namespace, name});
  }

  /** Creates a Run with krt and plays it to its end. */
  async finishedRun(name: string, play: (player: RunPlayer) => Promise<unknown>): Promise<void> {
    const {code, stderr} = await this.krt(['run', '--runtime', 'bash', '--name', name, '--', 'true']);
    if (code !== 0) throw new Error(stderr);
    const player = this.player(name);
    await player.bind(this.pod);
    await play(player);
  }

  /** A kubeconfig for somebody with these rules in the namespace. */
  async kubeconfigOf(
    user: string,
    rules: {apiGroups: string[]; resources: string[]; verbs: string[]}[],
  ): Promise<string> {
    const metadata = {name: user, namespace: this.namespace};
    await this.client.kind(kinds.Role).create({metadata, rules});
    await this.client.kind(kinds.RoleBinding).create({
      metadata,
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: user},
      subjects: [{kind: 'User', name: user, apiGroup: 'rbac.authorization.k8s.io'}],
    });
    const config: ClusterConfig = {...this.controlPlane.userConfig({user}), namespace: this.namespace};
    const path = join(this.controlPlane.directory, `${this.namespace}-${user}.kubeconfig`);
    await this.controlPlane.writeKubeconfig(path, config);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
    await this.client.transport.close();
  }
}
