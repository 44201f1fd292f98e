import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {rfc3339} from '@kruntimes/reconciler-kit';
import type {Container, ContainerState, LifecycleHandler} from 'kubernetes-types/core/v1.d.ts';
import {BackOff} from './back-off.ts';
import type {CommandProcess} from './command-process.ts';
import {commandLine} from './container-environment.ts';
import {ContainerLog} from './container-log.ts';
import {type ContainerCommand, type ContainerExit, ContainerProcess} from './container-process.ts';
import {packedFolder} from './copy-source.ts';
import {loadEnvironment} from './environment-sources.ts';
import {aborted, type GraceDeadline} from './grace-deadline.ts';
import {findProgram, type LocalProgram} from './image-map.ts';
import type {NodeContext} from './node-context.ts';
import {mapPaths} from './path-mapping.ts';
import {type ContainerRecord, type ContainerRole, type RestartPolicy, restarts} from './pod-status.ts';
import type {PodVolumes} from './pod-volumes.ts';
import {type ActionTarget, perform, runProbe} from './probe.ts';
import type {ProjectionContext} from './projected-files.ts';
import {noTerminals} from './terminal-command.ts';

export interface ContainerRunnerOptions {
  container: Container;
  role: ContainerRole;
  restartPolicy: RestartPolicy;
  node: NodeContext;
  volumes: PodVolumes;
  projection: ProjectionContext;
  podDirectory: string;
  logDirectory: string;
  /** What the last node agent knew of it. */
  previous?: {restartCount: number; lastState?: ContainerState | undefined} | undefined;
  /** Main processes of the Pod's other containers. */
  siblings: () => readonly number[];
  changed: () => void;
  warn: (reason: string, note: string) => void;
}

/** Keeps one container of a Pod running as its restart policy says, until it is stopped. */
export class ContainerRunner {
  readonly name: string;
  readonly role: ContainerRole;
  readonly #options: ContainerRunnerOptions;
  readonly #stopping = new AbortController();
  readonly #started = Promise.withResolvers<void>();
  readonly #record: ContainerRecord;
  readonly #backOff: BackOff;
  #logs: ContainerLog[] = [];
  #process: ContainerProcess | undefined;
  #target: ActionTarget | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: ContainerRunnerOptions) {
    const {container, role, previous} = options;
    this.#options = options;
    this.name = container.name;
    this.role = role;
    this.#backOff = new BackOff(options.node.backOff);
    this.#record = {
      name: container.name,
      role,
      image: container.image ?? '',
      state: {waiting: {reason: 'PodInitializing'}},
      lastState: previous?.lastState,
      restartCount: previous?.restartCount ?? 0,
      started: false,
      ready: false,
    };
  }

  get record(): ContainerRecord {
    return {...this.#record};
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** The log of the present (or last) start, or of the one before it. */
  log(previous = false): ContainerLog | undefined {
    return this.#logs.at(previous ? -2 : -1);
  }

  /** The present start, while it runs. */
  get process(): ContainerProcess | undefined {
    return this.#process?.running ? this.#process : undefined;
  }

  /** Whether its input ends with the first who attaches to it. */
  get stdinOnce(): boolean {
    return this.#options.container.stdinOnce ?? false;
  }

  /**
   * Runs a command in it. Paths of its volumes are turned into those of this machine, as those of its own command are.
   *
   * @returns undefined while it does not run
   * @throws Error where the system refuses the command at once
   */
  run({command, ...options}: ContainerCommand): CommandProcess | undefined {
    const {volumes, container, podDirectory} = this.#options;
    const mappings = volumes.mappings(container);
    const words =
      packedFolder(command, mappings, join(podDirectory, 'tmp')) ?? command.map((word) => mapPaths(word, mappings));
    return this.process?.run({command: words, ...options});
  }

  /** Says why it is not running yet. */
  wait(reason: string, message?: string): void {
    this.#set({state: {waiting: message === undefined ? {reason} : {reason, message}}});
  }

  /** Starts it. Resolves when it has started for the first time, as its startup probe sees it; or was stopped before. */
  async start(): Promise<void> {
    this.#loop ??= this.#run();
    await Promise.race([this.#started.promise, this.#loop]);
  }

  /** Resolves when it has ended and is not started again. */
  async ended(): Promise<ContainerRecord> {
    await this.#loop;
    return this.record;
  }

  kill(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /**
   * Stops it as a kubelet does: preStop, which counts against the grace period; SIGTERM; SIGKILL when the time is over.
   * Resolves when all its processes are gone.
   *
   * @param turn the SIGTERM waits for it, as that of a sidecar does for the containers it serves; the preStop does not
   * @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-flow
   */
  async stop(deadline: GraceDeadline, turn?: Promise<unknown>): Promise<void> {
    this.#stopping.abort();
    const process = this.#process;
    if (process?.running) {
      const exited = new AbortController();
      const end = process.exited.then(() => exited.abort());
      const hook = this.#options.container.lifecycle?.preStop;
      // Without time there is no hook, and a container that ends during its hook has nothing left to be told.
      if (hook && !deadline.signal.aborted) await Promise.race([this.#preStop(hook, deadline.signal), end]);
      if (turn !== undefined) await Promise.race([turn, aborted(deadline.signal), end]);
      process.kill('SIGTERM');
      await deadline.untilKill(exited.signal);
      process.kill('SIGKILL');
      await end;
    }
    await this.#loop;
  }

  async #run(): Promise<void> {
    const {role, restartPolicy, node} = this.#options;
    while (!this.#stopping.signal.aborted) {
      const startMs = node.clock.monotonic();
      const exit = await this.#runOnce();
      if (exit !== undefined) {
        if (this.#stopping.signal.aborted || !restarts(role, restartPolicy, exit.exitCode)) return;
        this.#record.lastState = this.#record.state;
        this.#record.restartCount++;
      }
      const waitMs = this.#backOff.next(node.clock.monotonic() - startMs);
      if (waitMs === 0) continue;
      if (exit !== undefined)
        this.#set({
          state: {waiting: {reason: 'CrashLoopBackOff', message: `back-off ${waitMs} ms restarting failed container`}},
        });
      await node.clock.sleep(waitMs, this.#stopping.signal).catch(() => {});
    }
  }

  /** One start of the container; undefined when there was nothing to start. */
  async #runOnce(): Promise<ContainerExit | undefined> {
    const {node} = this.#options;
    let container: ContainerProcess;
    try {
      container = await this.#launch();
    } catch (error) {
      const [reason, message] =
        error instanceof ImageError ? ['ErrImagePull', error.message] : ['CreateContainerConfigError', String(error)];
      this.wait(reason, message);
      this.#options.warn('Failed', message);
      return undefined;
    }
    const startedAt = rfc3339(node.clock.now());
    this.#process = container;
    // It was told to stop while it was being started.
    if (this.#stopping.signal.aborted) container.kill('SIGKILL');
    const containerID = `local://${this.#options.projection.pod.metadata?.uid}/${this.name}/${this.#record.restartCount}`;
    const {startupProbe, readinessProbe} = this.#options.container;
    const started = startupProbe === undefined;
    this.#set({state: {running: {startedAt}}, containerID, started, ready: started && readinessProbe === undefined});
    const probing = new AbortController();
    void this.#probe(AbortSignal.any([probing.signal, this.#stopping.signal]));
    if (started) this.#started.resolve();
    const exit = await container.exited;
    probing.abort();
    this.#process = undefined;
    const reason = exit.startError === undefined ? (exit.exitCode === 0 ? 'Completed' : 'Error') : 'StartError';
    this.#set({
      state: {
        terminated: {
          exitCode: exit.exitCode,
          reason,
          startedAt,
          finishedAt: rfc3339(node.clock.now()),
          containerID,
          ...(exit.signal === undefined ? {} : {signal: exit.signal}),
          ...(exit.startError === undefined ? {} : {message: exit.startError}),
        },
      },
      started: false,
      ready: false,
    });
    return exit;
  }

  async #launch(): Promise<ContainerProcess> {
    const {container, node, volumes, projection, podDirectory, logDirectory, siblings} = this.#options;
    // A command that somebody wants for debugging needs no image: what is here is all there is.
    const bare = this.role === 'ephemeral' && container.command?.length ? noProgram : undefined;
    const program = findProgram(node.images, container.image ?? '') ?? bare;
    if (program === undefined) {
      const known = Object.keys(node.images).join(', ');
      throw new ImageError(`this local node has no program for image ${container.image}; it has ${known}`);
    }
    const mappings = volumes.mappings(container);
    const line = commandLine(container, program.command, {
      ...(await loadEnvironment(container, projection)),
      base: {
        ...node.containerEnv,
        ...program.env,
        HOSTNAME: projection.pod.metadata?.name ?? '',
        TMPDIR: join(podDirectory, 'tmp'),
        HOME: podDirectory,
      },
      mappings,
      podIP: projection.addresses.podIP,
    });
    mkdirSync(join(podDirectory, 'tmp'), {recursive: true});
    this.#target = {
      container,
      podIP: projection.addresses.podIP,
      env: line.env,
      directory: podDirectory,
      mapPath: (text) => mapPaths(text, mappings),
    };
    const attempt = this.#record.restartCount;
    const log = new ContainerLog(join(logDirectory, this.name, `${attempt}.log`), {now: () => node.clock.now()});
    this.#logs = [...this.#logs.slice(-1), log];
    return new ContainerProcess({
      commandLine: line,
      directory: container.workingDir === undefined ? podDirectory : mapPaths(container.workingDir, mappings),
      podDirectory,
      mark: `${projection.pod.metadata?.uid}/${this.name}/${attempt}`,
      log,
      guard: node.guard,
      siblings,
      stdin: container.stdin ?? false,
      tty: container.tty === true && noTerminals() === undefined,
    });
  }

  async #probe(signal: AbortSignal): Promise<void> {
    const {container, node, warn} = this.#options;
    const {startupProbe, readinessProbe, livenessProbe} = container;
    const target = this.#target!;
    const {clock} = node;
    const ignore = (): void => {};
    const killWhenFailing =
      (kind: string, threshold = 3) =>
      (failures: number, message: string): void => {
        if (failures < threshold) return;
        warn('Unhealthy', `${kind} probe failed: ${message}`);
        this.#process?.kill('SIGKILL');
      };
    if (startupProbe) {
      const passed = new AbortController();
      const kill = killWhenFailing('Startup', startupProbe.failureThreshold);
      const tell = ({ok, failures, message}: {ok: boolean; failures: number; message: string}): void =>
        ok ? passed.abort() : kill(failures, message);
      await runProbe(startupProbe, target, tell, {clock, signal: AbortSignal.any([signal, passed.signal])}).catch(
        ignore,
      );
      if (signal.aborted) return;
      this.#set({started: true, ready: readinessProbe === undefined});
      this.#started.resolve();
    }
    if (readinessProbe) {
      const threshold = readinessProbe.failureThreshold ?? 3;
      const tell = ({ok, failures}: {ok: boolean; failures: number}): void => {
        if (ok !== this.#record.ready && (ok || failures >= threshold)) this.#set({ready: ok});
      };
      void runProbe(readinessProbe, target, tell, {clock, signal}).catch(ignore);
    }
    if (livenessProbe) {
      const kill = killWhenFailing('Liveness', livenessProbe.failureThreshold);
      const tell = ({ok, failures, message}: {ok: boolean; failures: number; message: string}): void =>
        void (ok || kill(failures, message));
      void runProbe(livenessProbe, target, tell, {clock, signal}).catch(ignore);
    }
  }

  async #preStop(hook: LifecycleHandler & {sleep?: {seconds: number}}, signal: AbortSignal): Promise<void> {
    try {
      if (hook.sleep) await this.#options.node.clock.sleep(hook.sleep.seconds * 1000, signal);
      else await perform(hook, this.#target!, signal);
    } catch (error) {
      this.#options.warn(
        'FailedPreStopHook',
        `preStop of ${this.name}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #set(change: Partial<ContainerRecord>): void {
    Object.assign(this.#record, change);
    this.#options.changed();
  }
}

class ImageError extends Error {}

const noProgram: LocalProgram = {command: []};
