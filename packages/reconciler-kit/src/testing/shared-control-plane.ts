import {readFile, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {ReconcilerKitError} from '../errors.ts';
import {type ControlPlane, type ControlPlaneOptions, defaultFlavour} from './control-plane.ts';
import {ControlPlaneAccess, type ControlPlaneState} from './control-plane-access.ts';
import {FAILURE_VARIABLE, resolveKubeBinaries} from './kube-binaries.ts';
import {startControlPlane} from './start-control-plane.ts';

/** Path of the description of the control plane that all test files of one run share. */
const STATE_VARIABLE = 'RECONCILER_KIT_CONTROL_PLANE';

/**
 * Starts a control plane for a whole test run and tells this process and the ones it starts about it: for a test
 * runner's global set-up. The programs that it found are used by `startControlPlane` in the same run, too.
 *
 * Does not reject: where there is no control plane, everybody who asks for one gets to know why, and the tests that need
 * none run all the same.
 */
export async function startSharedControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane | undefined> {
  delete process.env[STATE_VARIABLE];
  delete process.env[FAILURE_VARIABLE];
  try {
    if ((options.server ?? defaultFlavour()) === 'kube') {
      const binaries = options.binaries ?? (await resolveKubeBinaries(options.resolve));
      process.env['KUBEBUILDER_ASSETS'] = dirname(binaries.etcd);
    }
    const controlPlane = await startControlPlane(options);
    const path = join(controlPlane.directory, 'control-plane.json');
    await writeFile(path, JSON.stringify(controlPlane.state), {mode: 0o600});
    process.env[STATE_VARIABLE] = path;
    return controlPlane;
  } catch (error) {
    process.env[FAILURE_VARIABLE] = error instanceof Error ? error.message : String(error);
    return undefined;
  }
}

/**
 * The control plane of this test run. Others use it too: work in a namespace of your own
 * ({@link ControlPlaneAccess.createNamespace}), and start one with `startControlPlane` to kill its servers.
 *
 * @throws ReconcilerKitError `CONTROL_PLANE_FAILED` outside of a run that has one.
 */
export async function sharedControlPlane(): Promise<ControlPlaneAccess> {
  const path = process.env[STATE_VARIABLE];
  if (!path) {
    throw new ReconcilerKitError(
      'CONTROL_PLANE_FAILED',
      process.env[FAILURE_VARIABLE] ??
        `${STATE_VARIABLE} is not set: call startSharedControlPlane in the test runner's global set-up.`,
    );
  }
  return new ControlPlaneAccess(JSON.parse(await readFile(path, 'utf8')) as ControlPlaneState);
}
