import {spawn} from 'node:child_process';
import {createHash, randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {constants} from 'node:fs';
import {access, mkdir, readFile, rename, rm} from 'node:fs/promises';
import {connect, createServer, type Socket} from 'node:net';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {ArtifactStoreError} from '../errors.ts';
import {errorCode, errorMessage} from '../failure.ts';

export interface ResolveS3ServerOptions {
  /** Folder of a Go module whose `tool` directive names versitygw: the last resort. */
  goModule?: string | undefined;
  /** Default `$XDG_CACHE_HOME/artifact-store`, else `~/.cache/artifact-store`. */
  cacheDirectory?: string | undefined;
  env?: NodeJS.ProcessEnv | undefined;
  /** Progress, a line at a time. Default: standard error. */
  log?: ((line: string) => void) | undefined;
}

const PACKAGE = 'github.com/versity/versitygw/cmd/versitygw';

/**
 * Finds versitygw: what `S3_SERVER_BINARY` names; in the cache; by `go build` of `goModule`. What was built stays in the cache; any number
 * of processes may ask at the same time, one of them does the work.
 *
 * @throws ArtifactStoreError `S3_SERVER_MISSING` that says in one sentence what to do
 */
export async function resolveS3Server(options: ResolveS3ServerOptions = {}): Promise<string> {
  const {goModule, env = process.env, log = (line: string) => process.stderr.write(`${line}\n`)} = options;
  const named = env['S3_SERVER_BINARY'];
  if (named) {
    if (await isExecutable(named)) return named;
    throw missing(`S3_SERVER_BINARY is ${named}, which is no program: correct it or unset it.`);
  }
  if (goModule === undefined) throw missing('There is no S3 server to run: set S3_SERVER_BINARY to a versitygw.');

  const cache =
    options.cacheDirectory ?? join(env['XDG_CACHE_HOME'] || join(env['HOME'] || homedir(), '.cache'), 'artifact-store');
  // A changed pin is a different build.
  const program = join(cache, `versitygw-${await moduleDigest(goModule)}-${process.platform}-${process.arch}`);
  if (await isExecutable(program)) return program;
  try {
    await oneAtATime(program, async () => {
      if (!(await isExecutable(program))) await build(goModule, program, env, log);
    });
  } catch (error) {
    const ways = 'install Go (1.21 or newer), or set S3_SERVER_BINARY to a versitygw';
    throw missing(`There is no S3 server to run: ${ways} (tried: ${errorMessage(error)}).`);
  }
  return program;
}

async function moduleDigest(goModule: string): Promise<string> {
  const hash = createHash('sha256');
  for (const file of ['go.mod', 'go.sum']) hash.update(await readFile(join(goModule, file)));
  return hash.digest('hex').slice(0, 12);
}

async function build(
  goModule: string,
  program: string,
  env: NodeJS.ProcessEnv,
  log: (line: string) => void,
): Promise<void> {
  log('building versitygw with go; the first time this takes a minute or two');
  const started = performance.now();
  await mkdir(join(program, '..'), {recursive: true});
  // Next to the target, so that the rename is atomic: nobody ever sees half of it.
  const unfinished = `${program}.${randomUUID()}`;
  try {
    const child = spawn('go', ['build', '-trimpath', '-ldflags', '-s -w', '-o', unfinished, PACKAGE], {
      cwd: goModule,
      env: {...env, CGO_ENABLED: '0', GOWORK: 'off'},
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    // It would go on compiling for nobody.
    const end = (): void => void child.kill();
    process.once('exit', end);
    let errors = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-2000);
    });
    const [code] = await once(child, 'close').finally(() => process.off('exit', end));
    if (code !== 0) throw new Error(`go build failed: ${errors.trim().split('\n').slice(-3).join(' ')}`);
    await rename(unfinished, program);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new Error('there is no go on PATH', {cause: error});
    throw error;
  } finally {
    await rm(unfinished, {force: true});
  }
  log(`built versitygw in ${Math.round((performance.now() - started) / 1000)} s`);
}

/**
 * Runs `work` in one process of this machine at a time. The lock is a socket in the abstract namespace of Linux: it ends with its holder,
 * and so do the connections of those who wait. Elsewhere there is no lock: the work is done twice at the worst.
 */
async function oneAtATime(name: string, work: () => Promise<void>): Promise<void> {
  if (process.platform !== 'linux') return await work();
  const path = `\0artifact-store-${createHash('sha256').update(name).digest('hex').slice(0, 32)}`;
  for (;;) {
    const waiting = new Set<Socket>();
    const lock = createServer((socket) => waiting.add(socket.on('error', () => {})));
    try {
      lock.listen(path);
      await once(lock, 'listening');
    } catch (error) {
      if (errorCode(error) !== 'EADDRINUSE') throw error;
      const holder = connect(path);
      holder.on('error', () => {}).resume();
      // `once` of node:events would reject: a holder that ends resets the connection.
      await new Promise((resolve) => holder.once('close', resolve));
      continue;
    }
    try {
      return await work();
    } finally {
      lock.close();
      for (const socket of waiting) socket.destroy();
    }
  }
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

function missing(message: string): ArtifactStoreError {
  return new ArtifactStoreError('S3_SERVER_MISSING', message);
}
