import {mkdtemp} from 'node:fs/promises';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {ReconcilerKitError} from '../errors.ts';
import {ControlPlane, type ControlPlaneOptions, startPrepared} from './control-plane.ts';
import type {ControlPlaneState} from './control-plane-access.ts';
import {writeControlPlaneFiles} from './control-plane-files.ts';
import {freePorts} from './free-ports.ts';
import {ProcessGuard} from './process-guard.ts';
import {ServerProcess} from './server-process.ts';

/** The API server of `@kruntimes/apiserver-kit`, which has to be installed. Its data is in SQLite, below its directory. */
export async function startEmbeddedControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const program = embeddedProgram();
  return await startPrepared(() => prepare(program, options));
}

async function prepare(program: readonly string[], options: ControlPlaneOptions): Promise<ControlPlane> {
  const directory = await mkdtemp(join(tmpdir(), 'control-plane-'));
  const guard = new ProcessGuard();
  guard.addDirectory(directory);
  const [port = 0] = await freePorts(1);
  const files = await writeControlPlaneFiles(directory, {port, users: options.users});
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
  const controlPlane = new ControlPlane(state, {apiServer, guard, startTimeoutMs: options.startTimeoutMs});
  await controlPlane.writeKubeconfig(state.kubeconfigPath, controlPlane.config);
  return controlPlane;
}

/** The command line of the server, from its sources where this package runs from its own. */
function embeddedProgram(): string[] {
  const require = createRequire(import.meta.url);
  let main: string;
  try {
    main = require.resolve('@kruntimes/apiserver-kit/main');
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
