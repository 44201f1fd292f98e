import {mkdirSync, mkdtempSync, symlinkSync} from 'node:fs';
import {dirname, join, normalize} from 'node:path';
import type {PathMapping} from './path-mapping.ts';

/**
 * `kubectl cp POD:PATH FILE` runs `tar cf - PATH` and expects PATH, without its first slash, in the names that it gets. Where
 * PATH is of a volume, names of this machine would come. So tar works in a folder in which PATH leads to the volume.
 *
 * @param folder where such a folder may be made
 * @returns undefined where the command is another one, or PATH of no volume
 */
export function packedFolder(
  command: readonly string[],
  mappings: readonly PathMapping[],
  folder: string,
): string[] | undefined {
  const [tar, mode, file, path = '', ...rest] = command;
  if (tar !== 'tar' || mode !== 'cf' || file !== '-' || rest.length > 0) return undefined;
  const wanted = normalize(path).replace(/(?<=.)\/$/, '');
  const mapping = mappings
    .filter(({containerPath}) => wanted === containerPath || wanted.startsWith(`${containerPath}/`))
    .toSorted((a, b) => b.containerPath.length - a.containerPath.length)[0];
  if (mapping === undefined) return undefined;
  const root = mkdtempSync(join(folder, 'cp-'));
  const link = join(root, mapping.containerPath);
  mkdirSync(dirname(link), {recursive: true});
  symlinkSync(mapping.hostPath, link);
  // Of the volume itself, what the link leads to is wanted.
  const name = wanted === mapping.containerPath ? `.${wanted}/.` : `.${wanted}`;
  return ['tar', '-C', root, '-cf', '-', name.slice(2)];
}
