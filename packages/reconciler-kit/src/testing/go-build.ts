import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';

export interface GoBuildOptions {
  /** What is built, for messages. */
  title: string;
  /** Folder with go.mod and go.sum. */
  goModule: string;
  packages: readonly string[];
  /** Where the programs go: each is named by the last segment of its package that is not a version. */
  directory: string;
  /** Flags of the linker beside `-s -w`. */
  linkerFlags?: readonly string[];
  tags?: readonly string[];
  env: NodeJS.ProcessEnv;
  log: (line: string) => void;
}

const PROGRESS_INTERVAL_MS = 15_000;

/** Names what a build of the module depends on: its pins, the sources beside them, and the settings that are given. */
export async function moduleDigest(goModule: string, ...settings: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const sources = (await readdir(goModule)).filter((file) => file.endsWith('.go')).toSorted();
  for (const file of ['go.mod', 'go.sum', ...sources]) hash.update(await readFile(join(goModule, file)));
  for (const setting of settings) hash.update(`\0${setting}`);
  return hash.digest('hex').slice(0, 12);
}

/** Compiles static programs of a Go module. Go remembers what it compiled: minutes the first time, then seconds. */
export async function goBuild(options: GoBuildOptions): Promise<void> {
  const {title, goModule, packages, directory, linkerFlags = [], tags = [], env, log} = options;
  log(`building ${title} with go; the first time this takes some minutes`);
  const started = performance.now();
  const seconds = (): number => Math.round((performance.now() - started) / 1000);
  const progress = setInterval(() => log(`still building ${title} (${seconds()} s)`), PROGRESS_INTERVAL_MS);
  try {
    await go(
      [
        'build',
        '-trimpath',
        // Stamping asks git, which may not trust the folder.
        '-buildvcs=false',
        ...(tags.length > 0 ? [`-tags=${tags.join(',')}`] : []),
        '-ldflags',
        ['-s -w', ...linkerFlags].join(' '),
        '-o',
        `${directory}/`,
        ...packages,
      ],
      goModule,
      {...env, CGO_ENABLED: '0', GOWORK: 'off'},
    );
  } finally {
    clearInterval(progress);
  }
  log(`built ${title} in ${seconds()} s`);
}

async function go(args: string[], cwd: string, env: NodeJS.ProcessEnv): Promise<void> {
  const child = spawn('go', args, {cwd, env, stdio: ['ignore', 'ignore', 'pipe']});
  // It would go on compiling for minutes for nobody.
  const end = (): void => void child.kill();
  process.once('exit', end);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      reject(missing ? new Error('go build: there is no go on PATH') : error);
    });
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `go build ended with ${signal ?? `exit code ${code}`}: ${errors.trim().split('\n').slice(-3).join(' ')}`,
          ),
        );
    });
  });
  await ended.finally(() => process.off('exit', end));
}
