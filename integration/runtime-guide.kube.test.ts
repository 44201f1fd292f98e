import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {type Block, blocksOf} from './support/guide.ts';
import {kubectlDescribe} from './support/kubectl.ts';
import {System} from './support/system.ts';

const sdk = fileURLToPath(new URL('../packages/runtime-sdk/', import.meta.url));

let folder: string;
let system: System;
let namespace: string;
let blocks: Block[];

const manifests = (kind: string): string[] =>
  blocks.filter(({language, text}) => language === 'yaml' && text.includes(`kind: ${kind}\n`)).map(({text}) => text);

beforeAll(async () => {
  blocks = await blocksOf('docs/runtime-development.md');
  folder = await mkdtemp(join(tmpdir(), 'krt-guide-'));
  await mkdir(join(folder, 'node_modules', '@kruntimes'), {recursive: true});
  await symlink(sdk, join(folder, 'node_modules', '@kruntimes', 'runtime-sdk'));
  const program = blocks.find(({text}) => text.startsWith('// runtime.ts'))?.text ?? '';
  await writeFile(join(folder, 'runtime.ts'), program);
  await writeFile(join(folder, 'package.json'), '{"type": "module"}\n');
  // What the Dockerfile makes of it.
  const images = {'my-node-runtime': {command: [process.execPath, join(folder, 'runtime.ts')]}};
  system = await System.start({images});
  namespace = await system.createNamespace();
}, 120_000);
afterAll(async () => {
  await system?.stop();
  await rm(folder, {recursive: true, force: true});
});

kubectlDescribe('the Runtime development guide', () => {
  test('its Runtimes become available', async () => {
    expect(manifests('Runtime')).toHaveLength(2);
    for (const manifest of manifests('Runtime')) {
      expect(await system.kubectl(namespace, ['apply', '-f', '-'], manifest)).toMatchObject({code: 0, stderr: ''});
    }
    for (const name of ['bash-tools', 'node']) {
      expect((await system.runtimeAvailable(namespace, name)).status).toMatchObject({readyReplicas: 1});
    }
  });

  test('its Run is executed by the Runtime of the guide', async () => {
    const [manifest] = manifests('Run');
    expect(await system.kubectl(namespace, ['apply', '-f', '-'], manifest)).toMatchObject({code: 0});
    const run = await system.ended(namespace, 'node-hello');
    expect(run.status).toMatchObject({phase: 'Succeeded'});
    expect(await system.logs(run)).toEqual({code: 0, stdout: 'hello world\n', stderr: ''});
  });

  test('an environment variable of the container reaches Runs, and the Run has the last word', async () => {
    const run = {runtime: 'bash-tools', source: {inline: 'echo "$TOOLS_CONFIG"\n'}};
    expect((await system.logs(await system.finish(namespace, run))).stdout).toBe('/etc/tools\n');
    const own = await system.finish(namespace, {...run, env: {TOOLS_CONFIG: '/mine'}});
    expect((await system.logs(own)).stdout).toBe('/mine\n');
  });
});
