import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterAll, beforeAll, expect, jest, test} from '@jest/globals';
import {type CommandResult, command} from '@kruntimes/command';
import {type ControlPlane, startControlPlane} from '@kruntimes/reconciler-kit/testing';

// The machine may have other things to do.
jest.setTimeout(300_000);

let directory: string;
let controlPlane: ControlPlane;
let namespace: string;
let env: NodeJS.ProcessEnv;
let applying: ChildProcess | undefined;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'terraform-'));
  controlPlane = await startControlPlane({server: 'embedded'});
  namespace = await controlPlane.createNamespace();
  const configFile = join(directory, 'terraformrc');
  await writeFile(configFile, 'disable_checkpoint = true\n');
  env = {PATH: process.env['PATH'], HOME: directory, TF_IN_AUTOMATION: '1', TF_CLI_CONFIG_FILE: configFile};
}, 180_000);

afterAll(async () => {
  applying?.kill('SIGKILL');
  await controlPlane?.stop();
  await rm(directory, {recursive: true, force: true});
});

/** A folder with this configuration, its state kept in the cluster. Nothing in it needs a provider that is downloaded. */
async function workspace(name: string, body: string): Promise<string> {
  const folder = join(directory, name);
  await mkdir(folder);
  const backend = {secret_suffix: 'shared', namespace, config_path: controlPlane.kubeconfigPath};
  const settings = Object.entries(backend).map(([key, value]) => `    ${key} = ${JSON.stringify(value)}`);
  const configuration = `terraform {\n  backend "kubernetes" {\n${settings.join('\n')}\n  }\n}\n${body}`;
  await writeFile(join(folder, 'main.tf'), configuration);
  return folder;
}

async function terraform(cwd: string, ...args: string[]): Promise<CommandResult> {
  return await command('terraform', args, {cwd, env, timeoutMs: 240_000});
}

async function must(result: Promise<CommandResult>): Promise<string> {
  const {code, stdout, stderr} = await result;
  expect({code, stderr}).toEqual({code: 0, stderr: expect.any(String)});
  return stdout;
}

const done = async (cwd: string, ...args: string[]): Promise<string> => await must(terraform(cwd, ...args));

interface Kept {
  metadata: {name: string};
  spec?: {holderIdentity?: string | null};
}

const secrets = async (): Promise<string[]> => {
  const {items} = await controlPlane.adminRequest<{items: Kept[]}>('GET', `/api/v1/namespaces/${namespace}/secrets`);
  return items.map(({metadata}) => metadata.name);
};

const lockHolder = async (): Promise<string> => {
  const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/lock-tfstate-default-shared`;
  return (await controlPlane.adminRequest<Kept>('GET', path)).spec?.holderIdentity ?? '';
};

/** Applies until a command of the configuration says that it waits; `end` lets it go on. */
async function startApply(folder: string): Promise<{end: () => Promise<number | null>}> {
  const child = spawn('terraform', ['apply', '-auto-approve', '-input=false', '-no-color'], {
    cwd: folder,
    env,
    stdio: 'pipe',
  });
  applying = child;
  const ended = once(child, 'close') as Promise<[number | null]>;
  let said = '';
  const waiting = new Promise<void>((resolve) => {
    const look = (chunk: Buffer): void => {
      said += chunk.toString('utf8');
      if (said.includes('(local-exec): waiting')) resolve();
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
  });
  const tooEarly = ended.then(([code]) => {
    throw new Error(`terraform apply ended with ${code} before it waited: ${said}`);
  });
  await Promise.race([waiting, tooEarly]);
  tooEarly.catch(() => {});
  const end = async (): Promise<number | null> => {
    await writeFile(join(folder, 'gate'), '');
    const [code] = await ended;
    return code;
  };
  return {end};
}

const slow = `
resource "terraform_data" "slow" {
  provisioner "local-exec" {
    command = "echo waiting; timeout 240 cat gate"
  }
}
output "text" {
  value = "kept"
}
`;

test('terraform keeps its state in a Secret, and its lock in a Lease refuses a second one', async () => {
  const first = await workspace('first', slow);
  const second = await workspace('second', 'output "text" {\n  value = "changed"\n}\n');
  await must(command('mkfifo', [join(first, 'gate')]));
  await done(first, 'init', '-input=false', '-no-color');
  await done(second, 'init', '-input=false', '-no-color');

  const apply = await startApply(first);
  const holder = await lockHolder();
  expect(holder).not.toBe('');
  const refused = await terraform(second, 'apply', '-auto-approve', '-input=false', '-no-color', '-lock-timeout=0s');
  expect(refused).toMatchObject({code: 1, stderr: expect.stringContaining('Error acquiring the state lock')});
  expect(refused.stderr).toContain(holder);
  expect(await apply.end()).toBe(0);

  expect(await lockHolder()).toBe('');
  expect(await secrets()).toEqual(['tfstate-default-shared']);
  expect(await done(second, 'output', '-raw', 'text')).toBe('kept');
  // The state of the first names what the second does not have.
  await done(second, 'apply', '-auto-approve', '-input=false', '-no-color');
  expect(await done(first, 'output', '-raw', 'text')).toBe('changed');
  expect(await done(first, 'state', 'list')).toBe('');
});
