import {mkdir, mkdtemp, readFile, writeFile} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {createServer} from 'node:net';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {ReconcilerKitError} from '../errors.ts';
import {ControlPlane, type ControlPlaneOptions, startPrepared} from './control-plane.ts';
import type {ControlPlaneState} from './control-plane-access.ts';
import {createIdentities, keptIdentities, writeControlPlaneFiles} from './control-plane-files.ts';
import {freePorts} from './free-ports.ts';
import {ProcessGuard} from './process-guard.ts';
import {ServerProcess} from './server-process.ts';

/** The API server of `@kruntimes/apiserver-kit`, which has to be installed. Its data is in SQLite, below its directory. */
export async function startEmbeddedControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const program = options.program ?? installedProgram();
  return await startPrepared(() => prepare(program, options));
}

async function prepare(program: readonly string[], options: ControlPlaneOptions): Promise<ControlPlane> {
  const kept = options.directory !== undefined;
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'control-plane-')));
  const guard = new ProcessGuard();
  if (kept) await mkdir(directory, {recursive: true, mode: 0o700});
  else guard.addDirectory(directory);
  const port = kept ? await keptPort(directory) : await freePort();
  const files = await writeControlPlaneFiles(directory, {
    port,
    identities: kept ? await keptIdentities(directory) : createIdentities(),
    users: options.users,
    // What lives long must not fill the disk.
    audit: !kept,
  });
  const [node = '', ...args] = program;
  const name = 'kruntimes-apiserver';
  const apiServer = new ServerProcess({
    name,
    program: node,
    args: [
      ...args,
      `--storage=sqlite:${join(directory, 'objects.db')}`,
      `--sqlite-synchronous=${options.durable ? 'FULL' : 'NORMAL'}`,
      ...files.flags,
      `--controllers=${options.controllers === true ? '*' : ''}`,
      `--root-ca-file=${files.caPath}`,
      ...(options.apiServerFlags ?? []),
    ],
    guard,
    logPath: join(directory, `${name}.log`),
  });
  const state: ControlPlaneState = {
    server: `https://127.0.0.1:${port}`,
    adminToken: files.adminToken,
    authority: files.authority.export(),
    directory,
    kubeconfigPath: join(directory, 'kubeconfig'),
    auditLogPath: files.auditLogPath,
  };
  const controlPlane = new ControlPlane(state, {
    apiServer,
    guard,
    startTimeoutMs: options.startTimeoutMs,
    onStart: options.onStart,
    ...(kept && {stopSignal: 'SIGTERM'}),
  });
  await controlPlane.writeKubeconfig(state.kubeconfigPath, controlPlane.config);
  return controlPlane;
}

async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1);
  return port;
}

/** The port of the last time, so that addresses that somebody has written down stay right, unless it is taken. */
async function keptPort(directory: string): Promise<number> {
  const path = join(directory, 'port');
  const last = Number(await readFile(path, 'utf8').catch(() => ''));
  const port = last > 0 && (await isFree(last)) ? last : await freePort();
  await writeFile(path, String(port));
  return port;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The command line of the server, from its sources where this package runs from its own. */
function installedProgram(): string[] {
  const require = createRequire(import.meta.url);
  let main: string;
  try {
    main = import.meta.url.endsWith('.ts')
      ? join(dirname(require.resolve('@kruntimes/apiserver-kit/package.json')), 'src', 'main.ts')
      : require.resolve('@kruntimes/apiserver-kit/main');
  } catch (cause) {
    throw new ReconcilerKitError(
      'CONTROL_PLANE_FAILED',
      'There is no API server to run: install @kruntimes/apiserver-kit, or set KRUNTIMES_CONTROL_PLANE=kube for kube-apiserver.',
      {cause},
    );
  }
  const conditions = main.endsWith('.ts') ? ['--conditions=development'] : [];
  return [process.execPath, ...conditions, '--disable-warning=ExperimentalWarning', main];
}
