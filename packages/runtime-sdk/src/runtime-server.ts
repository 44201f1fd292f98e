import {mkdirSync, realpathSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {isAbsolute, join, normalize} from 'node:path';
import process from 'node:process';
import {
  type Endpoint,
  MAX_STATUS_STREAM_BYTES,
  parseEndpoint,
  RuntimeEventsDefinition,
  type RuntimeEventsServiceImplementation,
  RuntimeDefinition as RuntimeService,
  type RuntimeServiceImplementation,
} from '@kruntimes/runtime-protocol';
import {createServer, type Server} from 'nice-grpc';
import {type Clock, systemClock} from './clock.ts';
import {errorMessage, RuntimeSdkError} from './errors.ts';
import {Executor} from './executor.ts';
import {listen, removeStaleSocket} from './listener.ts';
import {type Logger, silentLogger} from './logger.ts';
import {OutputPipes} from './output-pipes.ts';
import {procTable} from './process-table.ts';
import {ProcessTracker} from './process-tracker.ts';
import type {RuntimeDefinition} from './runtime-definition.ts';
import {SessionHub} from './session-hub.ts';
import {ProcessSupervisor, type Supervisor, signalProcess} from './supervisor.ts';

/** Longest grace period, so that no process outlives its Run by more. */
const maxGraceMs = 10_000;

/** How long a stopping server waits for its daemon to take the last events. */
const deliverMs = 5_000;

export interface ServeOptions {
  /** `unix:///absolute/path` or `host:port`; port 0 takes a free one. */
  listen: readonly string[];
  /** Absolute path of the directory that holds the directories of executions. It belongs to one server alone. */
  workspaceRoot: string;
  /** Default: logs nothing. */
  logger?: Logger;
  /** Default: the time of the machine. */
  clock?: Clock;
  /** Environment that programs inherit, without its `KRUNTIME_` variables. Default: that of this process. */
  env?: NodeJS.ProcessEnv;
  /** Milliseconds between SIGTERM and SIGKILL, from 0 to 10,000. Default 10,000. */
  graceMs?: number;
  /** Most output bytes of an execution in events, both streams together; 0 for no limit. Default 64 MiB. */
  maxOutputBytes?: number;
  /** Most bytes of each stream in Status. Default 1 MiB. */
  statusStreamBytes?: number;
  /** Most executions kept, running and finished. Default 512. */
  maxExecutions?: number;
  /** Running executions end when no daemon was heard for so many seconds; 0 for never. Default 240. */
  daemonTimeoutSeconds?: number;
  /** After the loss of a session, milliseconds for which full windows hold programs. Default 30,000. */
  sessionHoldMs?: number;
  /**
   * Whether nothing else runs in this PID namespace, so that every orphan is a survivor to be killed. Default: this
   * process is process 1 or the child of a container's init program (tini, dumb-init, docker-init, catatonit).
   */
  ownsPidNamespace?: boolean;
  /** Starts programs. Default: processes of this machine. */
  supervisor?: Supervisor;
}

/** A server that accepts executions. */
export interface RunningServer {
  /** Where it listens, in the order of `listen`. */
  readonly addresses: readonly string[];
  /**
   * Takes no more executions, ends those that run, waits until a daemon that has a session knows, and stops listening.
   * A second call returns the promise of the first.
   */
  close(options?: {graceMs?: number}): Promise<void>;
  /** Kills every program at once, without waiting: for the last moment of a process that must go. */
  killAll(): void;
}

/**
 * Serves a Runtime.
 *
 * @throws {RuntimeSdkError} `OPTIONS_INVALID`, `LISTEN_FAILED`, `SOCKET_IN_USE`
 */
export async function serveRuntime(runtime: RuntimeDefinition, options: ServeOptions): Promise<RunningServer> {
  const {clock = systemClock, logger = silentLogger} = options;
  const graceMs = within('graceMs', options.graceMs ?? maxGraceMs, 0, maxGraceMs);
  const maxOutputBytes = within('maxOutputBytes', options.maxOutputBytes ?? 64 * 1024 * 1024, 0);
  const endpoints = endpointsOf(options.listen);
  const workspaceRoot = workspaceRootOf(options.workspaceRoot);
  // Before anything of an earlier server is touched: it may live.
  for (const endpoint of endpoints) if (endpoint.kind === 'unix') await removeStaleSocket(endpoint.path);
  const hub = new SessionHub({
    clock,
    holdMs: within('sessionHoldMs', options.sessionHoldMs ?? 30_000, 0),
    heard: () => executor.heard(),
  });
  const processes =
    options.supervisor === undefined
      ? await startSupervisor({clock, logger, graceMs, workspaceRoot, endpoints, options})
      : {supervisor: options.supervisor, close: async () => {}};
  const executor = new Executor({
    runtime,
    supervisor: processes.supervisor,
    hub,
    clock,
    logger,
    graceMs,
    workspaceRoot,
    baseEnv: inheritedEnv(options.env ?? process.env),
    maxOutputBytes: maxOutputBytes === 0 ? Number.POSITIVE_INFINITY : maxOutputBytes,
    statusStreamBytes: within('statusStreamBytes', options.statusStreamBytes ?? MAX_STATUS_STREAM_BYTES, 1_024),
    maxExecutions: within('maxExecutions', options.maxExecutions ?? 512, 1),
    daemonTimeoutMs: within('daemonTimeoutSeconds', options.daemonTimeoutSeconds ?? 240, 0) * 1_000,
  });
  const servers: Server[] = [];
  const addresses: string[] = [];
  try {
    for (const endpoint of endpoints) {
      const server = createServer();
      server.add(RuntimeService, runtimeService(executor));
      server.add(RuntimeEventsDefinition, eventService(hub));
      servers.push(server);
      addresses.push(await listen(server, endpoint));
    }
  } catch (error) {
    for (const server of servers) server.forceShutdown();
    await processes.close();
    throw error;
  }
  logger.info('runtime server listens', {runtime: runtime.name, addresses, workspaceRoot: workspaceRoot[0]});

  const stop = async (stopGraceMs: number): Promise<void> => {
    logger.info('runtime server stops');
    hub.release();
    await executor.stop(Math.min(stopGraceMs, graceMs));
    await processes.supervisor.close();
    await delivered(executor, clock);
    hub.finish();
    await Promise.all(servers.map((server) => shutDown(server, clock)));
    await processes.close();
  };
  let stopped: Promise<void> | undefined;
  return {
    addresses,
    close: (closeOptions = {}) => {
      stopped ??= stop(closeOptions.graceMs ?? graceMs);
      return stopped;
    },
    killAll: () => processes.supervisor.killAll(),
  };
}

function runtimeService(executor: Executor): RuntimeServiceImplementation {
  // Async, so that what the executor throws becomes the status of the call.
  const heard = async <T>(answer: () => T): Promise<T> => {
    executor.heard();
    return answer();
  };
  return {
    execute: (request) => heard(() => executor.execute(request)),
    status: (request) => heard(() => executor.status(request)),
    list: () => heard(() => executor.list()),
    cancel: (request) =>
      heard(() => {
        executor.cancel(request);
        return {};
      }),
    forget: (request) =>
      heard(() => {
        executor.forget(request);
        return {};
      }),
    health: () => heard(() => executor.health()),
  };
}

function eventService(hub: SessionHub): RuntimeEventsServiceImplementation {
  return {session: (requests, {signal}) => hub.serve(requests, signal)};
}

interface SupervisorSetup {
  clock: Clock;
  logger: Logger;
  graceMs: number;
  workspaceRoot: readonly string[];
  endpoints: readonly Endpoint[];
  options: ServeOptions;
}

async function startSupervisor(setup: SupervisorSetup): Promise<{supervisor: Supervisor; close(): Promise<void>}> {
  const {clock, logger, graceMs, workspaceRoot, endpoints, options} = setup;
  const tracker =
    process.platform === 'linux'
      ? new ProcessTracker({
          table: procTable,
          clock,
          self: process.pid,
          workspaceRoot,
          ownsPidNamespace: options.ownsPidNamespace,
        })
      : undefined;
  if (tracker !== undefined) await killLeftovers(tracker, clock, logger);
  const socket = endpoints.find((endpoint) => endpoint.kind === 'unix');
  // The directory of the socket can be written even where the root file system can't.
  const places = [join(tmpdir(), `kruntimes-pipes-${process.pid}`)];
  if (socket !== undefined) places.unshift(`${socket.path}.pipes`);
  const pipes = await OutputPipes.create(places, logger);
  const supervisor = new ProcessSupervisor({pipes, tracker, clock, logger, graceMs});
  return {supervisor, close: () => pipes.close()};
}

/** An earlier server of this workspace was killed: its programs must not run beside those of this one. */
async function killLeftovers(tracker: ProcessTracker, clock: Clock, logger: Logger): Promise<void> {
  for (let look = 0; look < 100; look++) {
    const leftovers = tracker.leftovers();
    if (leftovers.length === 0) return;
    for (const {pid, name} of leftovers) {
      if (signalProcess(pid, 'SIGKILL') && look === 0) {
        logger.warn('killed a process that an earlier server left behind', {pid, program: name});
      }
    }
    await new Promise<void>((resolve) => clock.setTimeout(resolve, 20));
  }
  logger.error('processes of an earlier server do not end by SIGKILL');
}

/** Resolves when a daemon knows every end, or after a while. */
function delivered(executor: Executor, clock: Clock): Promise<void> {
  const deadline = clock.monotonic() + deliverMs;
  return new Promise((resolve) => {
    const check = (): void => {
      if (executor.isEveryEndKnown || clock.monotonic() >= deadline) resolve();
      else clock.setTimeout(check, 20);
    };
    check();
  });
}

/** Lets calls that are being answered finish, for a moment. */
async function shutDown(server: Server, clock: Clock): Promise<void> {
  const timer = clock.setTimeout(() => server.forceShutdown(), 500);
  await server.shutdown().catch(() => server.forceShutdown());
  timer.cancel();
}

/** The environment of the container; its `KRUNTIME_` variables are for the server, not for programs. */
function inheritedEnv(env: NodeJS.ProcessEnv): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && !name.startsWith('KRUNTIME_')) inherited[name] = value;
  }
  return inherited;
}

function endpointsOf(addresses: readonly string[]): Endpoint[] {
  if (addresses.length === 0) throw new RuntimeSdkError('OPTIONS_INVALID', 'listen: name at least one address');
  try {
    return addresses.map(parseEndpoint);
  } catch (error) {
    throw new RuntimeSdkError('OPTIONS_INVALID', `listen: ${errorMessage(error)}`, {cause: error});
  }
}

function workspaceRootOf(path: string): readonly [string, ...string[]] {
  if (!isAbsolute(path)) {
    throw new RuntimeSdkError('OPTIONS_INVALID', `workspaceRoot: ${JSON.stringify(path)} is not an absolute path`);
  }
  try {
    mkdirSync(path, {recursive: true});
    const given = normalize(`${path}/.`);
    const real = realpathSync.native(given);
    return real === given ? [given] : [given, real];
  } catch (error) {
    throw new RuntimeSdkError('OPTIONS_INVALID', `workspaceRoot: ${errorMessage(error)}`, {cause: error});
  }
}

function within(name: string, value: number, min: number, max = Number.MAX_SAFE_INTEGER): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new RuntimeSdkError('OPTIONS_INVALID', `${name}: ${value} is not an integer from ${min} to ${max}`);
}
