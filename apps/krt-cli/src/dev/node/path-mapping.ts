/** Where the folders of a container are on this machine. */
export interface PathMapping {
  /** Path in the container, absolute, without a slash at its end. */
  containerPath: string;
  /** Path on this machine. */
  hostPath: string;
}

/**
 * Rewrites the container's paths in an argument or the value of a variable, wherever one stands as a path of its own:
 * `--socket=unix:///run/kruntimes/runtime.sock`, `/workspace:/data`. A path within a longer one (`/data/workspace`,
 * `/workspaces`) is somebody else's and stays.
 */
export function mapPaths(text: string, mappings: readonly PathMapping[]): string {
  if (mappings.length === 0) return text;
  const byLength = mappings.toSorted((a, b) => b.containerPath.length - a.containerPath.length);
  const hostPaths = new Map(byLength.map(({containerPath, hostPath}) => [containerPath, hostPath]));
  const paths = byLength.map(({containerPath}) => containerPath.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')).join('|');
  // Before: the start, a separator, or a URL's slashes. After: the end, a separator, or a deeper path.
  const pattern = new RegExp(`(?<=^|[\\s=:,;"'(\\[{]|[a-z]://)(?:${paths})(?=$|[\\s/:,;"')\\]}])`, 'g');
  return text.replaceAll(pattern, (path) => hostPaths.get(path) ?? path);
}
