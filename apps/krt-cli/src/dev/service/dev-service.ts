import {mkdir} from 'node:fs/promises';
import {API_VERSION, type Runtime, runtimeKind} from '@kruntimes/api-types';
import {type Client, isAlreadyExists} from '@kruntimes/reconciler-kit';
import {DevCluster} from '../dev-cluster.ts';
import {apiServerProgram} from '../local-programs.ts';
import type {DevPaths} from './dev-paths.ts';
import {DEV_CONTEXT, type DevClaim} from './dev-state.ts';
import {keepRunning} from './keep-running.ts';
import {changeFile, type KubeconfigEntry, withEntry} from './kubeconfig-entry.ts';

export interface DevServiceOptions {
  paths: DevPaths;
  claim: DevClaim;
  /** A sentence about each step. */
  progress: (step: string) => void;
  /** What happens to its parts once it is ready. */
  tell: (text: string) => void;
}

/** The local cluster of a user: as a {@link DevCluster}, but what is in it stays for the next time. */
export class DevService {
  readonly #cluster: DevCluster;
  readonly #claim: DevClaim;
  readonly #stopping = new AbortController();
  readonly #care: Promise<unknown>;

  private constructor(cluster: DevCluster, claim: DevClaim, tell: (text: string) => void) {
    this.#cluster = cluster;
    this.#claim = claim;
    const {controller, scheduler, ownControlPlane} = cluster;
    const {signal} = this.#stopping;
    const kept = [controller, scheduler].map((app) => ({
      name: app.name,
      exited: async () => await app.exited(),
      restart: async () => await app.restart(),
    }));
    if (ownControlPlane) {
      kept.push({
        name: 'apiserver',
        exited: async () => await ownControlPlane.apiServerExited(),
        restart: async () => await ownControlPlane.restartApiServer(),
      });
    }
    this.#care = Promise.all(kept.map((each) => keepRunning(each, {signal, tell})));
  }

  /** Resolves when Runs can be created. */
  static async start({paths, claim, progress, tell}: DevServiceOptions): Promise<DevService> {
    const started = performance.now();
    await mkdir(paths.logs, {recursive: true, mode: 0o700});
    const cluster = await DevCluster.start({
      logDirectory: paths.logs,
      controlPlaneOptions: {
        server: 'embedded',
        directory: paths.controlPlane,
        ...(apiServerProgram && {program: apiServerProgram}),
      },
      progress: (step) => {
        progress(step);
        background(claim.update({step}));
      },
      onStart: (name, pid) => background(claim.addPart(name, pid)),
    });
    try {
      await ensureBashRuntime(cluster.client);
      const entry = entryOf(cluster);
      await changeFile(paths.kubeconfig, (text) => withEntry(text, entry));
      await claim.update({
        phase: 'ready',
        step: 'ready',
        startMs: Math.round(performance.now() - started),
        server: entry.server,
        directory: cluster.directory,
      });
      return new DevService(cluster, claim, tell);
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** Ends all processes; what is stored stays. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    // A full disk is no reason to leave processes behind.
    await this.#claim.update({phase: 'stopping', step: 'stopping'}).catch(() => {});
    await this.#cluster.stop();
    await this.#care;
  }
}

/** What is only noted for others must not end the cluster. */
function background(work: Promise<void>): void {
  work.catch(() => {});
}

function entryOf({controlPlane}: DevCluster): KubeconfigEntry {
  const {server, ca, state} = controlPlane;
  return {name: DEV_CONTEXT, server, ca, token: state.adminToken};
}

/** The Runtime `bash`, as the usage guide has it, unless there is one: it is the user's to change. */
async function ensureBashRuntime(client: Client): Promise<void> {
  const runtime: Runtime = {
    apiVersion: API_VERSION,
    kind: 'Runtime',
    metadata: {name: 'bash', namespace: 'default'},
    spec: {
      replicas: 1,
      capacity: {resources: {runs: 4}},
      template: {
        spec: {
          containers: [
            {
              name: 'runtime',
              image: 'kruntimes-bash-runtime:latest',
              imagePullPolicy: 'IfNotPresent',
              ports: [{containerPort: 19091}],
            },
          ],
        },
      },
    },
  };
  await client
    .kind(runtimeKind)
    .create(runtime)
    .catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
}
