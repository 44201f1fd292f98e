import {accessSync, constants, realpathSync} from 'node:fs';
import {delimiter, dirname, join} from 'node:path';

/** A kubectl of a certain release. */
export interface KubectlProgram {
  /** `1.30`; `installed` for one whose release does not matter. */
  name: string;
  path: string;
}

const MINORS = [29, 30, 31, 32, 33];

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The releases of kubectl that are installed beside the one on the PATH, as Google's cloud SDK has them (there `kubectl` asks a server for
 * its version and starts `kubectl.1.30` of the same folder). Where there are none, the one on the PATH.
 */
export function kubectlPrograms(): KubectlProgram[] {
  const installed = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kubectl'))
    .find(isProgram);
  if (installed === undefined) return [{name: 'installed', path: 'kubectl'}];
  const folder = dirname(realpathSync(installed));
  const releases = MINORS.map((minor) => ({name: `1.${minor}`, path: join(folder, `kubectl.1.${minor}`)}));
  const present = releases.filter(({path}) => isProgram(path));
  return present.length > 0 ? present : [{name: 'installed', path: installed}];
}
