import {setTimeout as delay} from 'node:timers/promises';
import {ReconcilerKitError} from '../errors.ts';
import {ControlPlaneAccess, type ControlPlaneState} from './control-plane-access.ts';
import type {TokenUser} from './control-plane-files.ts';
import type {KubeBinaries, ResolveKubeBinariesOptions} from './kube-binaries.ts';
import type {ProcessGuard} from './process-guard.ts';
import type {ServerProcess} from './server-process.ts';

/** Which API server: that of `@kruntimes/apiserver-kit` (needs only Node), or kube-apiserver with etcd. */
export type ControlPlaneFlavour = 'embedded' | 'kube';

/** `kube` makes {@link defaultFlavour} that. */
const FLAVOUR_VARIABLE = 'KRUNTIMES_CONTROL_PLANE';

export interface ControlPlaneOptions {
  /** Default: {@link defaultFlavour}. */
  server?: ControlPlaneFlavour;
  /** Of kube: default: {@link resolveKubeBinaries} finds them. */
  binaries?: KubeBinaries;
  /** Of kube: how to find the binaries. */
  resolve?: ResolveKubeBinariesOptions;
  /** Of the embedded one: its command line. Default: that of the installed `@kruntimes/apiserver-kit`. */
  program?: readonly string[];
  /**
   * Of the embedded one: where its data and the identities of its users are and stay, so that the next start goes on with
   * them, on the same port if that is free. Default: a directory that goes away with it.
   */
  directory?: string;
  /**
   * What kube-controller-manager does runs too: garbage collection, the end of namespaces, ServiceAccounts `default`, root
   * certificates, Deployments. With kube it is kube-controller-manager itself, with the embedded one the server's own controllers.
   * Default false: nothing happens on the server but what its users do.
   */
  controllers?: boolean;
  /** Added to the API server's flags, for example `--feature-gates=X=true`; the last of a name counts. */
  apiServerFlags?: readonly string[];
  /** Users of the token file, beside the administrator. */
  users?: readonly TokenUser[];
  /** Writes reach the disk, as in production. Default false: data outlives a killed process, not a crashed machine. */
  durable?: boolean;
  /** Default 60 s. */
  startTimeoutMs?: number;
  /** Told the process id of the API server each time it starts. */
  onStart?: (pid: number) => void;
}

const START_ATTEMPTS = 3;

/** What is meant where nothing is said: `embedded`, unless the environment variable KRUNTIMES_CONTROL_PLANE says `kube`. */
export function defaultFlavour(env: NodeJS.ProcessEnv = process.env): ControlPlaneFlavour {
  const said = env[FLAVOUR_VARIABLE] || 'embedded';
  if (said !== 'embedded' && said !== 'kube')
    throw new ReconcilerKitError('CONTROL_PLANE_FAILED', `${FLAVOUR_VARIABLE} is ${said}: say embedded or kube.`);
  return said;
}

/** A server that has to run before the API server is ready. */
export interface ControlPlaneServer {
  process: ServerProcess;
  isReady(): Promise<boolean>;
}

/**
 * A Kubernetes API server as a child process on a free loopback port, with RBAC, an audit log and working ServiceAccount
 * tokens. No scheduler, no node, and controllers only where they are asked for. Ends with {@link stop}, and with this process
 * however that one ends.
 */
export class ControlPlane extends ControlPlaneAccess implements AsyncDisposable {
  readonly #apiServer: ServerProcess;
  readonly #storage: ControlPlaneServer | undefined;
  readonly #guard: ProcessGuard;
  readonly #startTimeoutMs: number;
  readonly #stopSignal: NodeJS.Signals;
  readonly #onStart: ((pid: number) => void) | undefined;

  constructor(
    state: ControlPlaneState,
    parts: {
      apiServer: ServerProcess;
      /** Where the storage is a server of its own. */
      storage?: ControlPlaneServer;
      guard: ProcessGuard;
      startTimeoutMs: number | undefined;
      /** Default SIGKILL: where all data is thrown away, there is nothing to end gracefully. */
      stopSignal?: NodeJS.Signals;
      onStart?: ((pid: number) => void) | undefined;
    },
  ) {
    super(state);
    this.#stopSignal = parts.stopSignal ?? 'SIGKILL';
    this.#onStart = parts.onStart;
    this.#apiServer = parts.apiServer;
    this.#storage = parts.storage;
    this.#guard = parts.guard;
    this.#startTimeoutMs = parts.startTimeoutMs ?? 60_000;
  }

  get apiServerPid(): number | undefined {
    return this.#apiServer.pid;
  }

  /** How the running API server ends. */
  apiServerExited(): Promise<string> {
    return this.#apiServer.exited();
  }

  async killApiServer(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#apiServer.kill(signal);
  }

  /** Kills it if it runs, starts it on the same port and data, waits until it is ready. */
  async restartApiServer(): Promise<void> {
    await this.#apiServer.kill();
    this.#startApiServer();
    await this.waitUntilReady();
  }

  /** For the first time. */
  async start(): Promise<void> {
    this.#storage?.process.start();
    this.#startApiServer();
    await this.waitUntilReady();
  }

  #startApiServer(): void {
    this.#apiServer.start();
    const {pid} = this.#apiServer;
    if (pid !== undefined) this.#onStart?.(pid);
  }

  /** Until `/readyz` says ok. @throws ReconcilerKitError with the end of the log of the server that failed. */
  async waitUntilReady(): Promise<void> {
    const deadline = performance.now() + this.#startTimeoutMs;
    let ended: {server: ServerProcess; how: string} | undefined;
    for (const server of [this.#storage?.process, this.#apiServer]) {
      void server?.exited().then((how) => (ended ??= {server, how}));
    }
    for (;;) {
      // kube-apiserver takes a while to notice that etcd is away: it says ok to that long.
      if ((await (this.#storage?.isReady() ?? true)) && (await this.isReady())) return;
      if (ended) {
        throw new ReconcilerKitError(
          'CONTROL_PLANE_FAILED',
          `${ended.server.name} ended (${ended.how}) before it was ready:\n${await ended.server.lastLines()}`,
        );
      }
      if (performance.now() > deadline) {
        throw new ReconcilerKitError(
          'CONTROL_PLANE_FAILED',
          `${this.#apiServer.name} is not ready after ${this.#startTimeoutMs} ms:\n${await this.#apiServer.lastLines()}`,
        );
      }
      await delay(25);
    }
  }

  /** Ends everything and removes every file that was not meant to stay. */
  async stop(): Promise<void> {
    await Promise.all([this.#apiServer.kill(this.#stopSignal), this.#storage?.process.kill(this.#stopSignal)]);
    await this.#guard.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts a control plane that `prepare` puts together, and makes the ServiceAccount `default` of the namespace `default`.
 *
 * @throws ReconcilerKitError `CONTROL_PLANE_FAILED`
 */
export async function startPrepared<T extends ControlPlane>(prepare: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    const controlPlane = await prepare();
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
