import {join} from 'node:path';
import {type DeepReadonly, entrypointOf, INLINE_FILE, type RunSource, type RunSpec} from '@kruntimes/api-types';
import {RuntimedError} from './errors.ts';
import type {GitSources} from './git/git-sources.ts';
import {resolveInside} from './inner-path.ts';
import {splitRelativePath} from './relative-path.ts';
import type {Workspace} from './workspace.ts';

const scriptMode = 0o700;
const fileMode = 0o644;

/**
 * Puts a Run's source into its workspace and checks that what is to be executed lies in it.
 *
 * @param signal aborted when nobody needs it any more
 * @returns the working directory of the program, an absolute path
 * @throws RuntimedError `PATH_INVALID`, `SOURCE_INVALID`, `SOURCE_TOO_LARGE`, `SOURCE_TIMEOUT`, `GIT_FAILED`; the reason
 * of `signal`; system errors of the file system
 */
export async function materialiseSource(
  spec: DeepReadonly<RunSpec>,
  workspace: Workspace,
  git: Pick<GitSources, 'materialise'>,
  signal: AbortSignal,
): Promise<string> {
  const {work} = workspace.paths;
  const entrypoint = entrypointOf(spec);
  const subPath = spec.source?.git?.subPath;
  // Before anything is fetched.
  if (entrypoint !== undefined) splitRelativePath(entrypoint);
  if (subPath !== undefined) splitRelativePath(subPath);
  await writeSource(spec.source, workspace, git, signal);
  const directory = subPath === undefined ? '' : await directoryAt(work, subPath);
  if (entrypoint !== undefined) await resolveInside(work, entrypoint, 'entrypoint', directory);
  return join(work, directory);
}

async function writeSource(
  source: DeepReadonly<RunSource> | undefined,
  workspace: Workspace,
  git: Pick<GitSources, 'materialise'>,
  signal: AbortSignal,
): Promise<void> {
  if (source === undefined) return;
  if (source.inline !== undefined) return workspace.writeSourceFile(INLINE_FILE, source.inline, scriptMode);
  if (source.git !== undefined) return git.materialise(source.git, workspace, signal);
  for (const {path, content, mode} of source.files ?? []) {
    // Whatever the mode says, the program must be able to read its files and runtimed to remove them.
    await workspace.writeSourceFile(path, content, (mode ?? fileMode) | 0o400);
  }
}

async function directoryAt(work: string, subPath: string): Promise<string> {
  const {path, kind} = await resolveInside(work, subPath, 'source.git.subPath');
  if (kind === 'directory') return path;
  const problem = kind === 'missing' ? 'is not in the repository at this revision' : 'is not a directory';
  throw new RuntimedError('SOURCE_INVALID', `source.git.subPath ${JSON.stringify(subPath)} ${problem}`);
}
