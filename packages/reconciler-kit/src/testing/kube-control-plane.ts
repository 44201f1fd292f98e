import {mkdtemp, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {ReconcilerKitError} from '../errors.ts';
import {auditPolicy} from './audit-log.ts';
import {ControlPlane, type ControlPlaneOptions, type ControlPlaneServer, startPrepared} from './control-plane.ts';
import type {ControlPlaneState} from './control-plane-access.ts';
import {type ControlPlaneFiles, createIdentities, writeControlPlaneFiles} from './control-plane-files.ts';
import {freePorts} from './free-ports.ts';
import {resolveKubeProgram} from './go-programs.ts';
import {type KubeBinaries, type ResolveKubeBinariesOptions, resolveKubeBinaries} from './kube-binaries.ts';
import {ProcessGuard} from './process-guard.ts';
import {ServerProcess} from './server-process.ts';

export interface KubeControlPlaneOptions extends Omit<ControlPlaneOptions, 'server' | 'program' | 'directory'> {
  etcdFlags?: readonly string[];
  /**
   * Given the URL of etcd, the one by which kube-apiserver reaches it: for those who want to put something in between, for
   * example a {@link SocketProxy}. Default: etcd's own.
   */
  etcdServerFor?: (etcdServer: string) => Promise<string>;
}

/**
 * What kube-controller-manager does here: what the controllers of the embedded server do, and ReplicaSets, by which it makes the
 * Pods of Deployments.
 */
const CONTROLLERS = [
  'garbage-collector-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'clusterrole-aggregation-controller',
  'deployment-controller',
  'replicaset-controller',
];

/** How long it stays away when it has ended. */
const CONTROLLER_MANAGER_PAUSE_MS = 1_000;

/** kube-apiserver with an etcd of its own, which can be killed, too. */
export class KubeControlPlane extends ControlPlane {
  /** URL of etcd. */
  readonly etcdServer: string;
  readonly #etcd: ServerProcess;
  readonly #controllerManager: ServerProcess | undefined;
  #isStopping = false;

  constructor(
    state: ControlPlaneState,
    parts: {
      etcd: ServerProcess;
      etcdServer: string;
      apiServer: ServerProcess;
      controllerManager: ServerProcess | undefined;
      guard: ProcessGuard;
      startTimeoutMs: number | undefined;
    },
  ) {
    const storage: ControlPlaneServer = {process: parts.etcd, isReady: () => isEtcdReady(parts.etcdServer)};
    super(state, {...parts, storage});
    this.#etcd = parts.etcd;
    this.#controllerManager = parts.controllerManager;
    this.etcdServer = parts.etcdServer;
  }

  override async start(): Promise<void> {
    await super.start();
    this.#startControllerManager();
  }

  override async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#controllerManager?.kill();
    await super.stop();
  }

  /** It ends where it cannot reach the API server when it starts, and relies on somebody who starts it again. */
  #startControllerManager(): void {
    const server = this.#controllerManager;
    if (server === undefined || this.#isStopping) return;
    server.start();
    void server.exited().then(() => {
      setTimeout(() => this.#startControllerManager(), CONTROLLER_MANAGER_PAUSE_MS).unref();
    });
  }

  /** Undefined where none was asked for. */
  get controllerManagerPid(): number | undefined {
    return this.#controllerManager?.pid;
  }

  get etcdPid(): number | undefined {
    return this.#etcd.pid;
  }

  async killEtcd(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#etcd.kill(signal);
  }

  /** Kills it if it runs, starts it on the same port and data. */
  async restartEtcd(): Promise<void> {
    await this.#etcd.kill();
    this.#etcd.start();
    if (this.apiServerPid !== undefined) await this.waitUntilReady();
  }
}

/** Whether etcd says that it has a leader and serves. */
async function isEtcdReady(etcdServer: string): Promise<boolean> {
  return await fetch(`${etcdServer}/readyz`, {signal: AbortSignal.timeout(2_000)}).then(
    (response) => response.ok,
    () => false,
  );
}

/**
 * Starts kube-apiserver and etcd.
 *
 * @throws ReconcilerKitError `KUBE_BINARIES_MISSING`, `CONTROL_PLANE_FAILED`
 */
export async function startKubeControlPlane(options: KubeControlPlaneOptions = {}): Promise<KubeControlPlane> {
  const binaries = options.binaries ?? (await resolveKubeBinaries(options.resolve));
  const controllerManager = options.controllers === true ? await resolveControllerManager(options.resolve) : undefined;
  return await startPrepared(() => prepare({...binaries, controllerManager}, options));
}

async function resolveControllerManager({goModule, ...options}: ResolveKubeBinariesOptions = {}): Promise<string> {
  if (goModule !== undefined) return await resolveKubeProgram('kube-controller-manager', {goModule, ...options});
  throw new ReconcilerKitError(
    'KUBE_BINARIES_MISSING',
    'There is no kube-controller-manager to run: say which Go module pins it (resolve.goModule).',
  );
}

async function prepare(
  binaries: KubeBinaries & {controllerManager: string | undefined},
  options: KubeControlPlaneOptions,
): Promise<KubeControlPlane> {
  const directory = await mkdtemp(join(tmpdir(), 'control-plane-'));
  const guard = new ProcessGuard();
  guard.addDirectory(directory);
  const [etcdPort = 0, apiServerPort = 0] = await freePorts(2);
  const etcdServer = `http://127.0.0.1:${etcdPort}`;
  const files = await writeControlPlaneFiles(directory, {
    port: apiServerPort,
    identities: createIdentities(),
    users: options.users,
    audit: true,
  });
  const auditPolicyPath = join(directory, 'audit-policy.yaml');
  await writeFile(auditPolicyPath, JSON.stringify(auditPolicy), {mode: 0o600});

  const apiServerFlags = [
    `--etcd-servers=${(await options.etcdServerFor?.(etcdServer)) ?? etcdServer}`,
    '--advertise-address=127.0.0.1',
    // The Service `kubernetes` would have to lead to a loopback address, which Endpoints may not hold.
    '--endpoint-reconciler-type=none',
    `--cert-dir=${directory}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    `--audit-policy-file=${auditPolicyPath}`,
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=4096',
    '--profiling=false',
    ...files.flags,
    ...(options.apiServerFlags ?? []),
  ];
  const etcdFlags = [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${etcdServer}`,
    `--advertise-client-urls=${etcdServer}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    ...(options.durable ? [] : ['--unsafe-no-fsync']),
    '--quota-backend-bytes=8589934592',
    '--log-level=warn',
    ...(options.etcdFlags ?? []),
  ];

  const state: ControlPlaneState = {
    server: `https://127.0.0.1:${apiServerPort}`,
    adminToken: files.adminToken,
    authority: files.authority.export(),
    directory,
    kubeconfigPath: join(directory, 'kubeconfig'),
    auditLogPath: files.auditLogPath,
  };
  const server = (name: string, program: string, args: string[]): ServerProcess =>
    new ServerProcess({name, program, args, guard, logPath: join(directory, `${name}.log`)});
  const controlPlane = new KubeControlPlane(state, {
    etcd: server('etcd', binaries.etcd, etcdFlags),
    etcdServer,
    apiServer: server('kube-apiserver', binaries.kubeApiserver, apiServerFlags),
    controllerManager:
      binaries.controllerManager === undefined
        ? undefined
        : server('kube-controller-manager', binaries.controllerManager, controllerManagerFlags(directory, files)),
    guard,
    startTimeoutMs: options.startTimeoutMs,
  });
  await controlPlane.writeKubeconfig(state.kubeconfigPath, controlPlane.config);
  await controlPlane.writeKubeconfig(
    join(directory, CONTROLLER_MANAGER_KUBECONFIG),
    controlPlane.userConfig({user: 'system:kube-controller-manager'}),
  );
  return controlPlane;
}

const CONTROLLER_MANAGER_KUBECONFIG = 'controller-manager.kubeconfig';

function controllerManagerFlags(
  directory: string,
  {caPath, serviceAccountKeyPath}: Pick<ControlPlaneFiles, 'caPath' | 'serviceAccountKeyPath'>,
): string[] {
  return [
    `--kubeconfig=${join(directory, CONTROLLER_MANAGER_KUBECONFIG)}`,
    `--controllers=${CONTROLLERS.join(',')}`,
    `--root-ca-file=${caPath}`,
    `--service-account-private-key-file=${serviceAccountKeyPath}`,
    '--use-service-account-credentials=true',
    '--leader-elect=false',
    // It serves nobody.
    '--secure-port=0',
    // Its usual bounds are for clusters: a test would wait for them.
    '--kube-api-qps=500',
    '--kube-api-burst=1000',
  ];
}
