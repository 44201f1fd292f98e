import {userInfo} from 'node:os';
import {isAbsolute, join} from 'node:path';

/** Where the local cluster of a user keeps what it needs. */
export interface DevPaths {
  directory: string;
  /** Data and identities of the API server. */
  controlPlane: string;
  logs: string;
  /** Who runs the cluster, and how to reach it. */
  state: string;
  /** Has the one context of the cluster. */
  kubeconfig: string;
}

/**
 * The user's data directory by the custom of the platform: $XDG_DATA_HOME, else ~/.local/share or
 * ~/Library/Application Support.
 *
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function devPaths(env: NodeJS.ProcessEnv, platform: NodeJS.Platform = process.platform): DevPaths {
  // Not homedir(): an empty $HOME would be another cluster in each directory.
  const home = env['HOME'] || userInfo().homedir;
  const custom = platform === 'darwin' ? ['Library', 'Application Support'] : ['.local', 'share'];
  const data = env['XDG_DATA_HOME'] ?? '';
  // The specification wants a relative path ignored: it would be another cluster in each directory.
  const directory = join(isAbsolute(data) ? data : join(home, ...custom), 'kruntimes', 'dev');
  return {
    directory,
    controlPlane: join(directory, 'control-plane'),
    logs: join(directory, 'logs'),
    state: join(directory, 'state.json'),
    kubeconfig: join(directory, 'kubeconfig'),
  };
}
