import {createHash} from 'node:crypto';
import {mkdir, mkdtemp, readFile, rename, rm, stat} from 'node:fs/promises';
import {homedir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {command} from '@kruntimes/command';

const source = fileURLToPath(new URL('../python-runtime/', import.meta.url));
const protoDirectory = fileURLToPath(new URL('../../proto/executor/v1/', import.meta.url));

/**
 * The executor.v1 server in Python, as a command line to which its address is added. What it needs is installed from
 * integration/python-runtime/requirements.txt into a virtual environment in the cache, once.
 *
 * @throws when there is no python3, or the packages cannot be installed
 */
export async function pythonRuntime(): Promise<readonly string[]> {
  const environment = await virtualEnvironment();
  return [join(environment, 'bin', 'python'), join(source, 'server.py'), join(environment, 'generated')];
}

async function virtualEnvironment(): Promise<string> {
  const requirements = join(source, 'requirements.txt');
  const inputs = [requirements, join(protoDirectory, 'runtime.proto')];
  const digest = createHash('sha256');
  for (const input of inputs) digest.update(await readFile(input));
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'kruntimes');
  const target = join(cache, `python-runtime-${digest.digest('hex').slice(0, 16)}`);
  if (await exists(target)) return target;
  await mkdir(cache, {recursive: true});
  const made = await mkdtemp(`${target}.`);
  try {
    await must('python3', ['-m', 'venv', made]);
    const python = join(made, 'bin', 'python');
    await must(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
    const generated = join(made, 'generated');
    await mkdir(generated);
    await must(python, [
      '-m',
      'grpc_tools.protoc',
      `-I${protoDirectory}`,
      `--python_out=${generated}`,
      'runtime.proto',
    ]);
    await rename(made, target).catch(async (error: NodeJS.ErrnoException) => {
      // Somebody else was faster.
      if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    });
  } finally {
    await rm(made, {recursive: true, force: true});
  }
  return target;
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const {code, stdout, stderr} = await command(program, args, {timeoutMs: 300_000}).catch((error: Error) => ({
    code: -1,
    stdout: '',
    stderr: error.message,
  }));
  if (code === 0) return;
  throw new Error(
    `The executor.v1 server in Python needs python3 with venv, and the packages of integration/python-runtime/requirements.txt; ` +
      `"${program} ${args.join(' ')}" failed: ${stderr || stdout}`,
  );
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
