import {closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {
  bindStatus,
  isTerminal,
  parseRunLogLine,
  RUNTIME_LABEL,
  type Run,
  type RunLogEnd,
  type RunLogStream,
  type RunSpec,
  runKind,
  runLogBytes,
} from '@kruntimes/api-types';
import {runCrd} from '@kruntimes/api-types/crds';
import {
  Client,
  type ClusterConfig,
  isAlreadyExists,
  kinds,
  type Logger,
  Metrics,
  silentLogger,
  systemClock,
  Transport,
} from '@kruntimes/reconciler-kit';
import {type ControlPlaneAccess, sharedControlPlane, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {parseEndpoint} from '@kruntimes/runtime-protocol';
import {type RunningServer, type ServeOptions, serveRuntime} from '@kruntimes/runtime-sdk';
import {trace} from '@opentelemetry/api';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {bashRuntime} from './bash-runtime.fixture.ts';
import type {GitOptions} from './git/git-options.ts';
import type {PodIdentity} from './pod-identity.ts';
import {Runtimed} from './runtimed.ts';
import type {RuntimedOptions} from './runtimed-options.ts';

/** A runtimed in this process. */
export interface StartedRuntimed {
  readonly runtimed: Runtimed;
  readonly metrics: Metrics;
  /** As SIGTERM does. */
  stop: () => Promise<void>;
}

/** A namespace of a real API server with one Runtime Pod, its directories and an identity for its runtimed. */
export class PodWorld implements AsyncDisposable {
  readonly controlPlane: ControlPlaneAccess;
  readonly client: Client;
  readonly namespace: string;
  readonly pod: PodIdentity;
  /** Of the ServiceAccount of the Pod. */
  readonly token: string;
  readonly directory = mkdtempSync(join(tmpdir(), 'krt-pod-'));
  readonly workspaceRoot = join(this.directory, 'workspace');
  readonly socketPath = join(this.directory, 'runtime.sock');
  readonly logPath = join(this.directory, 'runs.log');
  readonly artifactsDirectory = join(this.directory, 'artifacts');
  readonly spoolDirectory = join(this.directory, 'spool');
  readonly #cleanups: (() => Promise<unknown> | void)[] = [];

  private constructor(controlPlane: ControlPlaneAccess, client: Client, pod: PodIdentity, token: string) {
    this.controlPlane = controlPlane;
    this.client = client;
    this.namespace = pod.namespace;
    this.pod = pod;
    this.token = token;
    mkdirSync(this.workspaceRoot);
    mkdirSync(this.artifactsDirectory);
  }

  static async create(): Promise<PodWorld> {
    const controlPlane = await sharedControlPlane();
    const transport = new Transport(controlPlane.config);
    const client = new Client(transport);
    const crds = client.kind(kinds.CustomResourceDefinition);
    await crds.apply(runCrd, {fieldManager: 'runtimed-tests', force: true});
    await waitForObject(crds, {name: runCrd.metadata?.name ?? ''}, (crd) =>
      (crd.status?.conditions ?? []).some(({type, status}) => type === 'Established' && status === 'True'),
    );
    const namespace = await controlPlane.createNamespace();
    await createIdentity(client, namespace);
    const pod = await client.kind(kinds.Pod).create({
      metadata: {name: 'bash-0', namespace, labels: {[RUNTIME_LABEL]: 'bash'}},
      spec: {
        // A Pod of a node is not gone at once when it is deleted.
        nodeName: 'nowhere',
        serviceAccountName: 'runtimed',
        automountServiceAccountToken: false,
        readinessGates: [{conditionType: 'kruntimes.io/RuntimedReady'}],
        containers: [{name: 'runtime', image: 'bash'}],
      },
    });
    const identity = {name: 'bash-0', namespace, uid: pod.metadata?.uid ?? ''};
    // As the kubelet makes it: admission policies know the Pod by it.
    const boundObjectRef = {apiVersion: 'v1', kind: 'Pod', name: identity.name, uid: identity.uid};
    const token = await client.createToken({name: 'runtimed', namespace}, {boundObjectRef});
    const world = new PodWorld(controlPlane, client, identity, token.status?.token ?? '');
    world.defer(() => transport.close());
    return world;
  }

  /** Of the Pod's ServiceAccount. */
  get config(): ClusterConfig {
    return this.controlPlane.tokenConfig(this.token);
  }

  /** Runs when the world ends, in reverse order. */
  defer(cleanup: () => Promise<unknown> | void): void {
    this.#cleanups.push(cleanup);
  }

  /** Serves the runtime `bash` in this process. */
  async serveRuntime(options: Partial<ServeOptions> = {}): Promise<RunningServer> {
    const {workspaceRoot} = this;
    const server = await serveRuntime(bashRuntime, {
      listen: [`unix://${this.socketPath}`],
      workspaceRoot,
      graceMs: 500,
      ...options,
    });
    this.defer(() => server.close());
    return server;
  }

  /** Starts runtimed in this process. */
  startRuntimed(options: Partial<RuntimedOptions> & {config?: ClusterConfig; logger?: Logger} = {}): StartedRuntimed {
    const {config = this.config, logger = silentLogger, ...flags} = options;
    const transport = new Transport(config, {userAgent: 'runtimed'});
    const metrics = new Metrics();
    const logFd = openSync(this.logPath, 'a');
    const runtimed = new Runtimed({
      options: {
        runtimeName: 'bash',
        runtimeEndpoint: [parseEndpoint(`unix://${this.socketPath}`)],
        workspaceRoot: this.workspaceRoot,
        capacity: {runs: 4},
        // Where a test says nothing else, a slow machine must not add a write.
        runningStatusDelayMs: 60_000,
        leaseRenewSeconds: 10,
        unreachableSeconds: 300,
        artifactsDirectory: this.artifactsDirectory,
        artifactsCredentials: join(this.directory, 'credentials'),
        spoolDirectory: this.spoolDirectory,
        drainBindAddress: '127.0.0.1:0',
        ...gitOptions(this.directory),
        ...flags,
      },
      pod: this.pod,
      client: new Client(transport),
      clock: systemClock,
      logger,
      metrics,
      tracer: trace.getTracer('test'),
      logFd,
    });
    const signal = new AbortController();
    const running = runtimed.start(signal.signal);
    let stopped: Promise<void> | undefined;
    const stop = (): Promise<void> => {
      stopped ??= (async () => {
        signal.abort();
        await running;
        await transport.close();
        closeSync(logFd);
      })();
      return stopped;
    };
    this.defer(stop);
    return {runtimed, metrics, stop};
  }

  async createRun(name: string, spec: Partial<RunSpec> = {}): Promise<Run> {
    const run = {metadata: {name, namespace: this.namespace}, spec: {runtime: 'bash', ...spec}};
    return this.client.kind(runKind).create(run);
  }

  /** Writes what the scheduler writes. */
  async bind(run: Run, pod: {name: string; uid: string} = this.pod): Promise<Run> {
    return this.client.kind(runKind).updateStatus({...run, status: bindStatus(run, pod, new Date())});
  }

  /** Creates and binds a Run with an inline script. */
  async run(name: string, script: string, spec: Partial<RunSpec> = {}): Promise<Run> {
    return this.bind(await this.createRun(name, {source: {inline: script}, ...spec}));
  }

  /** The Run, once `predicate` holds; by default once it has ended. */
  until(name: string, predicate: (run: Run) => boolean = (run) => isTerminal(run.status?.phase)): Promise<Run> {
    const ref = {name, namespace: this.namespace};
    return waitForObject(this.client.kind(runKind), ref, predicate, {timeoutMs: 60_000, description: `run ${name}`});
  }

  untilPod(predicate: (pod: Pod) => boolean): Promise<Pod> {
    return waitForObject(this.client.kind(kinds.Pod), this.pod, predicate, {timeoutMs: 20_000, description: 'the Pod'});
  }

  /** Creates, binds and awaits a Run. */
  async execute(name: string, script: string, spec: Partial<RunSpec> = {}): Promise<Run> {
    await this.run(name, script, spec);
    return this.until(name);
  }

  /** Names of the workspaces. */
  workspaces(): string[] {
    return readdirSync(this.workspaceRoot).filter((name) => !name.startsWith('.'));
  }

  /** Resolves when no workspace is left. */
  async untilClean(): Promise<void> {
    const deadline = Date.now() + 20_000;
    while (this.workspaces().length > 0) {
      if (Date.now() > deadline) throw new Error(`workspaces left: ${this.workspaces().join(', ')}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** What was printed of a stream of a Run, pieced together by offset, and the last line. */
  log(run: Run, attempt = 1): {stdout: Buffer; stderr: Buffer; end: RunLogEnd['end'] | undefined} {
    const streams: Record<RunLogStream, Buffer> = {stdout: Buffer.alloc(0), stderr: Buffer.alloc(0)};
    let end: RunLogEnd['end'] | undefined;
    for (const text of readFileSync(this.logPath, 'utf8').split('\n')) {
      const line = parseRunLogLine(text);
      if (line === undefined || line.run.uid !== run.metadata?.uid || line.attempt !== attempt) continue;
      if ('end' in line) {
        end = line.end;
        continue;
      }
      const bytes = runLogBytes(line);
      const known = streams[line.stream];
      if (line.offset > known.length) throw new Error(`bytes ${known.length} to ${line.offset} are missing`);
      streams[line.stream] = Buffer.concat([
        known.subarray(0, line.offset),
        bytes,
        known.subarray(line.offset + bytes.length),
      ]);
    }
    return {...streams, end};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).toReversed()) await cleanup();
    rmSync(this.directory, {recursive: true, force: true});
  }
}

/** A cache of its own, and no credentials. */
function gitOptions(directory: string): GitOptions {
  return {
    gitCredentials: [],
    gitCredentialsDirectory: join(directory, 'git-credentials'),
    gitCache: join(directory, 'git-cache'),
    gitCacheMaxBytes: 1 << 30,
    gitMaxBytes: 1 << 28,
    gitMaxFiles: 10_000,
    gitTimeoutSeconds: 60,
  };
}

/** A ServiceAccount with the permissions that the controller gives to runtimed. */
async function createIdentity(client: Client, namespace: string): Promise<void> {
  const name = 'runtimed';
  const metadata = {name, namespace};
  await client.kind(kinds.ServiceAccount).create({metadata});
  await client.kind(kinds.Role).create({
    metadata,
    rules: [
      {apiGroups: ['kruntimes.io'], resources: ['runs'], verbs: ['get', 'list', 'watch', 'patch']},
      {apiGroups: ['kruntimes.io'], resources: ['runs/status'], verbs: ['get', 'update']},
      {apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch']},
      {apiGroups: [''], resources: ['pods/status'], verbs: ['patch']},
      {apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get', 'create', 'update']},
    ],
  });
  try {
    await client.kind(kinds.RoleBinding).create({
      metadata,
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name},
      subjects: [{kind: 'ServiceAccount', name, namespace}],
    });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
  }
}
