import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

/** Folder of the Go module that pins Kubernetes. */
const pins = join(import.meta.dirname, '../../../../tools/kube/go.mod');

/**
 * Where the pinned modules of Kubernetes are on this machine, by module path.
 *
 * @returns undefined where Go or a module is missing
 */
export function findModules(paths: readonly string[]): Record<string, string> | undefined {
  const cache = moduleCache();
  if (cache === undefined) return undefined;
  const text = readFileSync(pins, 'utf8');
  const found: Record<string, string> = {};
  for (const path of paths) {
    const version =
      text.match(new RegExp(`=> ${path} (\\S+)`, 'u'))?.[1] ?? text.match(new RegExp(`\\s${path} (\\S+)`, 'u'))?.[1];
    if (version === undefined) throw new Error(`${pins} does not pin ${path}`);
    const folder = join(cache, `${path}@${version}`);
    if (!existsSync(folder)) return undefined;
    found[path] = folder;
  }
  return found;
}

function moduleCache(): string | undefined {
  try {
    return execFileSync('go', ['env', 'GOMODCACHE'], {encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']}).trim();
  } catch {
    return undefined;
  }
}
