import {spawn} from 'node:child_process';
import {request as httpRequest} from 'node:http';
import {request as httpsRequest} from 'node:https';
import {connect} from 'node:net';
import type {Clock} from '@kruntimes/reconciler-kit';
import type {Container, ExecAction, HTTPGetAction, Probe, TCPSocketAction} from 'kubernetes-types/core/v1.d.ts';

/** What a probe or a preStop hook may do. */
export interface Action {
  httpGet?: HTTPGetAction;
  tcpSocket?: TCPSocketAction;
  exec?: ExecAction;
}

/** The container that an action is aimed at. */
export interface ActionTarget {
  container: Container;
  podIP: string;
  env: Readonly<Record<string, string>>;
  directory: string;
  mapPath(text: string): string;
}

class ActionError extends Error {
  override name = 'ActionError';
}

/** While a container has not come up yet, it is asked this often: nobody wants to wait ten seconds for a local process. */
const EAGER_PERIOD_MS = 250;

/** Carries out an action; rejects when it fails or `signal` is aborted. */
export async function perform(action: Action, target: ActionTarget, signal: AbortSignal): Promise<void> {
  if (action.httpGet) await get(action.httpGet, target, signal);
  else if (action.tcpSocket)
    await dial(action.tcpSocket.host ?? target.podIP, portOf(action.tcpSocket.port, target.container), signal);
  else if (action.exec) await execute(action.exec.command ?? [], target, signal);
}

export interface ProbeResult {
  ok: boolean;
  /** How often it has failed in a row, in whole periods. */
  failures: number;
  message: string;
}

/** Probes until `signal` is aborted, and tells each result. */
export async function runProbe(
  probe: Probe,
  target: ActionTarget,
  tell: (result: ProbeResult) => void,
  options: {clock: Clock; signal: AbortSignal},
): Promise<void> {
  const {clock, signal} = options;
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  await clock.sleep((probe.initialDelaySeconds ?? 0) * 1000, signal);
  let lastSuccessMs = clock.monotonic();
  let succeeded = false;
  while (!signal.aborted) {
    const startMs = clock.monotonic();
    try {
      await perform(probe, target, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]));
      lastSuccessMs = startMs;
      succeeded = true;
      tell({ok: true, failures: 0, message: ''});
    } catch (error) {
      if (signal.aborted) return;
      const failures = Math.floor((clock.monotonic() - lastSuccessMs) / periodMs) + (succeeded ? 0 : 1);
      tell({ok: false, failures, message: error instanceof Error ? error.message : String(error)});
    }
    await clock.sleep(succeeded ? periodMs : Math.min(periodMs, EAGER_PERIOD_MS), signal);
  }
}

function portOf(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({name}) => name === port)?.containerPort ?? Number(port);
  if (Number.isInteger(named)) return named;
  throw new ActionError(`container ${container.name} has no port ${port}`);
}

async function get(action: HTTPGetAction, {container, podIP}: ActionTarget, signal: AbortSignal): Promise<void> {
  const secure = action.scheme === 'HTTPS';
  const headers = Object.fromEntries((action.httpHeaders ?? []).map(({name, value}) => [name, value]));
  await new Promise<void>((resolve, reject) => {
    const sent = (secure ? httpsRequest : httpRequest)({
      host: action.host || podIP,
      port: portOf(action.port, container),
      path: action.path || '/',
      headers: {'user-agent': 'kube-probe/local', accept: '*/*', ...headers},
      agent: false,
      signal,
      ...(secure ? {rejectUnauthorized: false} : {}),
    });
    sent.on('error', reject).on('response', (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      if (status < 200 || status >= 400) reject(new ActionError(`HTTP probe failed with statuscode: ${status}`));
      else response.on('end', resolve).on('error', reject);
    });
    sent.end();
  });
}

async function dial(host: string, port: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect({host, port});
    const abort = (): void => void socket.destroy(new ActionError(`dial ${host}:${port}: timeout`));
    signal.addEventListener('abort', abort, {once: true});
    socket.once('connect', () => socket.end(resolve)).once('error', reject);
    socket.once('close', () => signal.removeEventListener('abort', abort));
  });
}

async function execute(command: readonly string[], target: ActionTarget, signal: AbortSignal): Promise<void> {
  const [program = '', ...args] = command.map((text) => target.mapPath(text));
  const child = spawn(program, args, {
    cwd: target.directory,
    env: {...target.env},
    stdio: 'ignore',
    signal,
    killSignal: 'SIGKILL',
  });
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => (code === 0 ? resolve() : reject(new ActionError(`${program} exited with ${code}`))));
  });
}
