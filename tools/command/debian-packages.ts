import {existsSync} from 'node:fs';
import {delimiter, join} from 'node:path';
import {run} from './command.ts';

export interface DebianPackagesOptions {
  /** What for, as the subject of a sentence: `A node`. */
  subject: string;
  /** Names of packages, by a program on PATH or an absolute path of theirs. */
  packages: Readonly<Record<string, string>>;
  log: (line: string) => void;
}

/**
 * Makes sure that programs are there: their Debian packages are installed where there is apt and this is root.
 *
 * @throws Error that says in one sentence what to install
 */
export async function installDebianPackages({subject, packages, log}: DebianPackagesOptions): Promise<void> {
  const missing = missingPackages(packages);
  if (missing.length === 0) return;
  if (!existsSync('/usr/bin/apt-get') || process.getuid?.() !== 0)
    throw new Error(`${subject} needs programs of these Debian packages, install them: ${missing.join(' ')}.`);
  log(`installing Debian packages: ${missing.join(' ')}`);
  const env = {...process.env, DEBIAN_FRONTEND: 'noninteractive'};
  await run('apt-get', ['-qq', 'update'], {env, timeoutMs: 300_000});
  await run('apt-get', ['-qq', 'install', '--yes', '--no-install-recommends', ...missing], {env, timeoutMs: 900_000});
  const still = missingPackages(packages);
  if (still.length > 0)
    throw new Error(`apt-get installed them, but their programs are not there: ${still.join(' ')}.`);
}

function missingPackages(packages: Readonly<Record<string, string>>): string[] {
  // What administrators run is not on everybody's PATH.
  const path = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const isThere = (program: string): boolean =>
    program.startsWith('/') ? existsSync(program) : path.some((folder) => existsSync(join(folder, program)));
  const missing = Object.entries(packages).filter(([program]) => !isThere(program));
  return [...new Set(missing.map(([, name]) => name))];
}
