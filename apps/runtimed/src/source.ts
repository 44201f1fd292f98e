import {type DeepReadonly, INLINE_FILE, type RunSource} from '@kruntimes/api-types';
import {RuntimedError} from './errors.ts';
import type {Workspace} from './workspace.ts';

const scriptMode = 0o700;
const fileMode = 0o644;

/**
 * Puts a Run's source into the working directory of its workspace.
 *
 * @throws RuntimedError `PATH_INVALID`, `SOURCE_INVALID`; system errors of the file system
 */
export async function materialiseSource(
  source: DeepReadonly<RunSource> | undefined,
  workspace: Workspace,
): Promise<void> {
  if (source === undefined) return;
  if (source.inline !== undefined) return workspace.writeSourceFile(INLINE_FILE, source.inline, scriptMode);
  if (source.git !== undefined) {
    throw new RuntimedError('SOURCE_INVALID', 'sources of kind git are not supported by this version of runtimed');
  }
  for (const {path, content, mode} of source.files ?? []) {
    // Whatever the mode says, the program must be able to read its files and runtimed to remove them.
    await workspace.writeSourceFile(path, content, (mode ?? fileMode) | 0o400);
  }
}
