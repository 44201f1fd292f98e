import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, openSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {PodWorld} from './pod-world.fixture.ts';

const nodeFlags = ['--conditions=development', '--disable-warning=ExperimentalWarning'];

/**
 * Runs a program of this package, with the logs of the world, until the world ends.
 *
 * @param wrapper a command that runs it, as `prlimit` does
 */
export function startProcess(
  world: PodWorld,
  source: string,
  args: string[],
  env: Record<string, string>,
  wrapper: readonly string[] = [],
): ChildProcess {
  const output = openSync(world.logPath, 'a');
  const errors = openSync(join(world.directory, 'errors.log'), 'a');
  const program = [process.execPath, ...nodeFlags, fileURLToPath(new URL(source, import.meta.url)), ...args];
  const [command = '', ...rest] = [...wrapper, ...program];
  const child = spawn(command, rest, {
    env: {PATH: process.env.PATH ?? '', ...env},
    stdio: ['ignore', output, errors],
  });
  world.defer(() => kill(child));
  return child;
}

/** Ends a process, if it has not ended, and gives its exit code. */
export async function kill(child: ChildProcess, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  child.kill(signal);
  const [code] = await once(child, 'exit');
  return code;
}

/** runtimed as the controller injects it, with its ServiceAccount's folder. */
export function startRuntimed(world: PodWorld, flags: string[] = [], wrapper: readonly string[] = []): ChildProcess {
  const serviceAccount = join(world.directory, 'serviceaccount');
  mkdirSync(serviceAccount, {recursive: true});
  writeFileSync(join(serviceAccount, 'token'), world.token);
  writeFileSync(join(serviceAccount, 'ca.crt'), world.controlPlane.ca);
  writeFileSync(join(serviceAccount, 'namespace'), world.namespace);
  const {hostname, port} = new URL(world.controlPlane.server);
  const args = [
    '--runtime-name=bash',
    `--workspace-root=${world.workspaceRoot}`,
    `--runtime-endpoint=unix://${world.socketPath}`,
    '--capacity={"runs":4}',
    '--metrics-bind-address=0',
    '--health-probe-bind-address=0',
    '--running-status-delay-ms=60000',
    ...flags,
  ];
  const env = {
    POD_NAME: world.pod.name,
    POD_NAMESPACE: world.namespace,
    POD_UID: world.pod.uid,
    KUBERNETES_SERVICE_HOST: hostname,
    KUBERNETES_SERVICE_PORT: port,
    KRUNTIME_SERVICE_ACCOUNT_DIR: serviceAccount,
  };
  return startProcess(world, './main.ts', args, env, wrapper);
}

/** bash-runtime. */
export function startRuntimeServer(world: PodWorld): ChildProcess {
  return startProcess(world, './bash-runtime-process.fixture.ts', ['--workspace-root', world.workspaceRoot], {
    KRUNTIME_SOCKET: world.socketPath,
  });
}
