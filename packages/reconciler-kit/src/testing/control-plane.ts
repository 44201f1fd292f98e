import {generateKeyPairSync, randomBytes} from 'node:crypto';
import {mkdtemp, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {ReconcilerKitError} from '../errors.ts';
import {auditPolicy} from './audit-log.ts';
import {CertificateAuthority} from './certificates.ts';
import {ControlPlaneAccess, type ControlPlaneState} from './control-plane-access.ts';
import {freePorts} from './free-ports.ts';
import {type KubeBinaries, type ResolveKubeBinariesOptions, resolveKubeBinaries} from './kube-binaries.ts';
import {ProcessGuard} from './process-guard.ts';
import {ServerProcess} from './server-process.ts';

export interface ControlPlaneOptions {
  /** Default: {@link resolveKubeBinaries} finds them. */
  binaries?: KubeBinaries;
  /** How to find the binaries. */
  resolve?: ResolveKubeBinariesOptions;
  /** Added to kube-apiserver's flags, for example `--feature-gates=X=true`; the last of a name counts. */
  apiServerFlags?: readonly string[];
  etcdFlags?: readonly string[];
  /**
   * Given the URL of etcd, the one by which kube-apiserver reaches it: for those who want to put something in between, for
   * example a {@link SocketProxy}. Default: etcd's own.
   */
  etcdServerFor?: (etcdServer: string) => Promise<string>;
  /** Users of the token file, beside the administrator. */
  users?: readonly {user: string; token: string; groups?: readonly string[]}[];
  /** etcd calls fsync, as in production. Default false: data outlives a killed process, not a crashed machine. */
  durable?: boolean;
  /** Default 60 s. */
  startTimeoutMs?: number;
}

const START_ATTEMPTS = 3;

/**
 * etcd and kube-apiserver as child processes on free loopback ports, with RBAC, an audit log and working ServiceAccount
 * tokens. No controller-manager, no scheduler, no node: nothing happens on it but what its users do. Ends with
 * {@link stop}, and with this process however that one ends.
 */
export class ControlPlane extends ControlPlaneAccess implements AsyncDisposable {
  readonly #etcd: ServerProcess;
  readonly #apiServer: ServerProcess;
  readonly #guard: ProcessGuard;
  readonly #startTimeoutMs: number;

  constructor(
    state: ControlPlaneState,
    parts: {etcd: ServerProcess; apiServer: ServerProcess; guard: ProcessGuard; startTimeoutMs: number},
  ) {
    super(state);
    this.#etcd = parts.etcd;
    this.#apiServer = parts.apiServer;
    this.#guard = parts.guard;
    this.#startTimeoutMs = parts.startTimeoutMs;
  }

  get apiServerPid(): number | undefined {
    return this.#apiServer.pid;
  }

  get etcdPid(): number | undefined {
    return this.#etcd.pid;
  }

  async killApiServer(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#apiServer.kill(signal);
  }

  async killEtcd(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#etcd.kill(signal);
  }

  /** Kills it if it runs, starts it on the same port, waits until it is ready. */
  async restartApiServer(): Promise<void> {
    await this.#apiServer.kill();
    this.#apiServer.start();
    await this.waitUntilReady();
  }

  /** Kills it if it runs, starts it on the same port and data. */
  async restartEtcd(): Promise<void> {
    await this.#etcd.kill();
    this.#etcd.start();
    if (this.#apiServer.running) await this.waitUntilReady();
  }

  /** Starts both for the first time. */
  async start(): Promise<void> {
    this.#etcd.start();
    this.#apiServer.start();
    await this.waitUntilReady();
  }

  /** Until `/readyz` says ok. @throws ReconcilerKitError with the end of the log of the server that failed. */
  async waitUntilReady(): Promise<void> {
    const deadline = performance.now() + this.#startTimeoutMs;
    let ended: {name: string; server: ServerProcess; how: string} | undefined;
    for (const [name, server] of [
      ['etcd', this.#etcd],
      ['kube-apiserver', this.#apiServer],
    ] as const) {
      void server.exited().then((how) => (ended ??= {name, server, how}));
    }
    for (;;) {
      // kube-apiserver takes a while to notice that etcd is away: it says ok to that long.
      if ((await this.isEtcdReady()) && (await this.isReady())) return;
      if (ended) {
        throw new ReconcilerKitError(
          'CONTROL_PLANE_FAILED',
          `${ended.name} ended (${ended.how}) before it was ready:\n${await ended.server.lastLines()}`,
        );
      }
      if (performance.now() > deadline) {
        throw new ReconcilerKitError(
          'CONTROL_PLANE_FAILED',
          `kube-apiserver is not ready after ${this.#startTimeoutMs} ms:\n${await this.#apiServer.lastLines()}`,
        );
      }
      await delay(50);
    }
  }

  /** Ends both servers and removes every file. */
  async stop(): Promise<void> {
    // All data is thrown away: there is nothing to end gracefully.
    await Promise.all([this.#apiServer.kill(), this.#etcd.kill()]);
    await this.#guard.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts a {@link ControlPlane} and makes the ServiceAccount `default` of the namespace `default`.
 *
 * @throws ReconcilerKitError `KUBE_BINARIES_MISSING`, `CONTROL_PLANE_FAILED`
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const binaries = options.binaries ?? (await resolveKubeBinaries(options.resolve));
  for (let attempt = 1; ; attempt++) {
    const controlPlane = await prepare(binaries, options);
    try {
      await controlPlane.start();
      await controlPlane.createDefaultServiceAccount('default');
      return controlPlane;
    } catch (error) {
      await controlPlane.stop();
      // A port that was free when it was chosen may have been taken by somebody else since.
      const portTaken = error instanceof Error && error.message.includes('address already in use');
      if (!portTaken || attempt === START_ATTEMPTS) throw error;
    }
  }
}

async function prepare(binaries: KubeBinaries, options: ControlPlaneOptions): Promise<ControlPlane> {
  const directory = await mkdtemp(join(tmpdir(), 'control-plane-'));
  const guard = new ProcessGuard();
  guard.addDirectory(directory);
  const file = async (name: string, content: string | object): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content), {mode: 0o600});
    return path;
  };

  const [etcdPort, apiServerPort] = await freePorts(2);
  const etcdServer = `http://127.0.0.1:${etcdPort}`;
  const authority = CertificateAuthority.create();
  const serving = authority.issue({
    commonName: 'kube-apiserver',
    hosts: ['127.0.0.1', 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc', '10.0.0.1'],
  });
  const kubeletClient = authority.issue({
    commonName: 'kube-apiserver-kubelet-client',
    organizations: ['system:masters'],
  });
  const serviceAccounts = generateKeyPairSync('ec', {namedCurve: 'P-256'});
  const adminToken = randomBytes(24).toString('hex');
  const tokens = [{user: 'admin', token: adminToken, groups: ['system:masters']}, ...(options.users ?? [])].map(
    ({user, token, groups = []}) => `${token},"${user}","${user}","${groups.join(',')}"\n`,
  );
  const auditLogPath = join(directory, 'audit.log');

  const apiServerFlags = [
    `--etcd-servers=${(await options.etcdServerFor?.(etcdServer)) ?? etcdServer}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    // The Service `kubernetes` would have to lead to a loopback address, which Endpoints may not hold.
    '--endpoint-reconciler-type=none',
    `--secure-port=${apiServerPort}`,
    `--cert-dir=${directory}`,
    `--tls-cert-file=${await file('apiserver.crt', serving.cert)}`,
    `--tls-private-key-file=${await file('apiserver.key', serving.key)}`,
    `--client-ca-file=${await file('ca.crt', authority.certificate)}`,
    `--kubelet-client-certificate=${await file('kubelet-client.crt', kubeletClient.cert)}`,
    `--kubelet-client-key=${await file('kubelet-client.key', kubeletClient.key)}`,
    `--kubelet-certificate-authority=${join(directory, 'ca.crt')}`,
    '--kubelet-preferred-address-types=InternalIP',
    `--token-auth-file=${await file('tokens.csv', tokens.join(''))}`,
    '--authorization-mode=RBAC',
    '--service-cluster-ip-range=10.0.0.0/24',
    '--service-account-issuer=https://kubernetes.default.svc',
    `--service-account-key-file=${await file('sa.pub', serviceAccounts.publicKey.export({type: 'spki', format: 'pem'}).toString())}`,
    `--service-account-signing-key-file=${await file('sa.key', serviceAccounts.privateKey.export({type: 'pkcs8', format: 'pem'}).toString())}`,
    `--audit-policy-file=${await file('audit-policy.yaml', auditPolicy)}`,
    `--audit-log-path=${auditLogPath}`,
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=4096',
    '--profiling=false',
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
    etcdServer,
    adminToken,
    authority: authority.export(),
    directory,
    kubeconfigPath: join(directory, 'kubeconfig'),
    auditLogPath,
  };
  const server = (name: string, program: string, args: string[]): ServerProcess =>
    new ServerProcess({name, program, args, guard, logPath: join(directory, `${name}.log`)});
  const controlPlane = new ControlPlane(state, {
    etcd: server('etcd', binaries.etcd, etcdFlags),
    apiServer: server('kube-apiserver', binaries.kubeApiserver, apiServerFlags),
    guard,
    startTimeoutMs: options.startTimeoutMs ?? 60_000,
  });
  await controlPlane.writeKubeconfig(state.kubeconfigPath, controlPlane.config);
  return controlPlane;
}
