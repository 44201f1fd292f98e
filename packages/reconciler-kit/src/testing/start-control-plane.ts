import {type ControlPlane, type ControlPlaneOptions, defaultFlavour} from './control-plane.ts';
import {startEmbeddedControlPlane} from './embedded-control-plane.ts';
import {startKubeControlPlane} from './kube-control-plane.ts';

/**
 * Starts an API server with nothing on it, and with nobody else unless there are to be `controllers`.
 *
 * @throws ReconcilerKitError `KUBE_BINARIES_MISSING`, `CONTROL_PLANE_FAILED`
 */
export async function startControlPlane(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
  const {server = defaultFlavour(), ...rest} = options;
  if (server === 'embedded') return await startEmbeddedControlPlane(rest);
  const {program: _, directory: __, ...ofKube} = rest;
  return await startKubeControlPlane(ofKube);
}
