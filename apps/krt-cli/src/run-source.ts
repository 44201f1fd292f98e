import {stat} from 'node:fs/promises';
import {basename, posix} from 'node:path';
import type {RunSource} from '@kruntimes/api-types';
import {usageError} from './krt-error.ts';
import {readScript, readText} from './manifest-source.ts';

/** The flags of `krt run` that say where files come from; at most one kind of them. */
export interface RunSourceFlags {
  script?: string | undefined;
  scriptFile?: string | undefined;
  /** `PATH=FILE` or `FILE`. */
  file?: readonly string[] | undefined;
  git?: string | undefined;
  revision?: string | undefined;
  gitPath?: string | undefined;
  gitDepth?: string | undefined;
  gitSecret?: string | undefined;
}

const executable = 0o755;

/**
 * The source that the flags describe; undefined where none is given.
 * @throws KrtError `USAGE` when they contradict each other, or a file cannot be read
 */
export async function sourceFromFlags(
  flags: RunSourceFlags,
  stdin: Parameters<typeof readScript>[1],
): Promise<RunSource | undefined> {
  const {script, scriptFile, file, git} = flags;
  const given = Object.entries({'--script': script, '--script-file': scriptFile, '--file': file, '--git': git});
  const kinds = given.filter(([, value]) => value !== undefined).map(([flag]) => flag);
  if (kinds.length > 1) throw usageError(`${kinds.join(' and ')} exclude each other`, 'a Run has one source');
  for (const [flag, value] of Object.entries({
    '--revision': flags.revision,
    '--git-path': flags.gitPath,
    '--git-depth': flags.gitDepth,
    '--git-secret': flags.gitSecret,
  })) {
    if (value !== undefined && git === undefined) throw usageError(`${flag} needs --git`);
  }
  if (git !== undefined) return {git: gitSource(git, flags)};
  if (file !== undefined) return {files: await Promise.all(file.map(readSourceFile))};
  const text = scriptFile === undefined ? script : await readScript(scriptFile, stdin);
  if (text === '') throw usageError('the script is empty');
  return text === undefined ? undefined : {inline: text};
}

function gitSource(url: string, flags: RunSourceFlags): NonNullable<RunSource['git']> {
  const {revision, gitPath, gitDepth, gitSecret} = flags;
  if (gitDepth !== undefined && !/^\d{1,9}$/.test(gitDepth))
    throw usageError(`--git-depth "${gitDepth}" is not a number`, '0 fetches all commits');
  return {
    url,
    ...(revision === undefined ? {} : {revision}),
    ...(gitPath === undefined ? {} : {subPath: gitPath}),
    ...(gitDepth === undefined ? {} : {depth: Number(gitDepth)}),
    ...(gitSecret === undefined ? {} : {secretName: gitSecret}),
  };
}

async function readSourceFile(text: string): Promise<NonNullable<RunSource['files']>[number]> {
  const at = text.indexOf('=');
  const local = at < 0 ? text : text.slice(at + 1);
  const path = at < 0 ? basename(text) : posix.normalize(text.slice(0, at));
  if (local === '' || path === '.' || path === '') throw usageError(`--file "${text}" is not PATH=FILE`);
  const content = await readText(local, '--file');
  // A file that may be executed here is meant to be executed there.
  const {mode} = await stat(local);
  return {path, content, ...((mode & 0o111) === 0 ? {} : {mode: executable})};
}
