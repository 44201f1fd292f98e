import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {type Block, blocksOf} from './support/guide.ts';
import {kubectlDescribe} from './support/kubectl.ts';
import {System} from './support/system.ts';

let system: System;
let namespace: string;
let blocks: Block[];

const manifest = (...words: string[]): string => {
  const found = blocks.find(({language, text}) => language === 'yaml' && words.every((word) => text.includes(word)));
  if (!found) throw new Error(`no manifest with ${words.join(' and ')} in the guide`);
  return found.text;
};
const snippet = (word: string): string => {
  const found = blocks.find(({language, text}) => language === 'sh' && text.includes(word));
  if (!found) throw new Error(`no snippet with ${word} in the guide`);
  return found.text;
};

beforeAll(async () => {
  blocks = await blocksOf('docs/usage-guide.md');
  system = await System.start();
  namespace = await system.createNamespace();
}, 120_000);
afterAll(() => system?.stop());

kubectlDescribe('the usage guide', () => {
  test('gives the same examples in both languages', async () => {
    expect(await blocksOf('docs/usage-guide.zh.md')).toEqual(blocks);
    expect(blocks).toHaveLength(10);
  });

  test('its Runtime becomes available', async () => {
    expect(await system.kubectl(namespace, ['apply', '-f', '-'], manifest('kind: Runtime'))).toMatchObject({
      code: 0,
      stdout: 'runtime.kruntimes.io/bash created\n',
    });
    const runtime = await system.runtimeAvailable(namespace, 'bash');
    expect(runtime.status).toMatchObject({replicas: 2, readyReplicas: 2});
  });

  test.each([
    ['hello', 'hello\n'],
    ['env-example', 'hello\n'],
    ['script-example', 'hello from source\n'],
  ])('its Run %s succeeds', async (name, stdout) => {
    const applied = await system.kubectl(namespace, ['apply', '-f', '-'], manifest('kind: Run\n', `name: ${name}\n`));
    expect(applied).toEqual({code: 0, stdout: `run.kruntimes.io/${name} created\n`, stderr: ''});
    const run = await system.ended(namespace, name);
    expect(run.status).toMatchObject({phase: 'Succeeded', exitCode: 0});
    expect(await system.logs(run)).toEqual({code: 0, stdout, stderr: ''});
    // Applying it again changes nothing.
    const again = await system.kubectl(namespace, ['apply', '-f', '-'], manifest('kind: Run\n', `name: ${name}\n`));
    expect(again.stdout).toBe(`run.kruntimes.io/${name} unchanged\n`);
  });

  test('its outputs snippet stores an output', async () => {
    const run = await system.finish(namespace, {source: {inline: snippet('KRUNTIME_OUTPUTS')}});
    expect(run.status).toMatchObject({phase: 'Succeeded', outputs: {result: 'ok'}});
    const result = await system.krt(namespace, ['result', run.metadata?.name ?? '', 'result']);
    expect(result).toMatchObject({code: 0, stdout: 'ok\n'});
  });

  test('its artifacts snippet leaves an artifact, and its Runtime with a store keeps it', async () => {
    const source = {inline: snippet('KRUNTIME_ARTIFACTS_DIR')};
    const without = await system.finish(namespace, {source});
    expect(without.status?.phase).toBe('Succeeded');
    expect(without.status?.conditions).toContainEqual(expect.objectContaining({reason: 'NoArtifactStore'}));
    const applied = await system.kubectl(namespace, ['apply', '-f', '-'], manifest('kind: PersistentVolumeClaim'));
    expect(applied).toMatchObject({code: 0, stderr: ''});
    await system.runtimeAvailable(namespace, 'bash-artifacts');
    const run = await system.finish(namespace, {runtime: 'bash-artifacts', source});
    expect(run.status?.artifactRefs).toMatchObject([{name: 'result.txt', sizeBytes: 14}]);
    expect(run.status?.conditions).toContainEqual(expect.objectContaining({type: 'ArtifactsStored', status: 'True'}));
  }, 60_000);

  test('its git credentials and its Run from git are accepted', async () => {
    const other = await system.createNamespace();
    // Without Pods: there is no such repository.
    await system.createRuntime(other, {replicas: 0, runs: 1});
    expect(await system.shell(other, `GITHUB_TOKEN=token\n${snippet('gitCredentials')}`)).toMatchObject({
      code: 0,
      stdout: 'secret/github created\nruntime.kruntimes.io/bash patched\n',
    });
    const run = manifest('kind: Run\n', 'name: git-example\n');
    expect(await system.kubectl(other, ['apply', '-f', '-'], run)).toMatchObject({
      code: 0,
      stdout: 'run.kruntimes.io/git-example created\n',
    });
  });

  test('its cancel snippet cancels the Run hello', async () => {
    const other = await system.createNamespace();
    await system.createRuntime(other, {replicas: 1, runs: 1});
    await system.create(other, {source: {inline: 'sleep 600'}}, 'hello');
    await system.phase(other, 'hello', 'Running');
    expect(await system.shell(other, snippet('cancelRequested'))).toMatchObject({
      code: 0,
      stdout: 'run.kruntimes.io/hello patched\n',
    });
    const run = await system.ended(other, 'hello');
    expect(run.status?.phase).toBe('Cancelled');
  });
});
