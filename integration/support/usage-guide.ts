import {expect, test} from '@jest/globals';
import {isTerminal, type Run, runKind, runtimeKind} from '@kruntimes/api-types';
import type {CommandResult} from '@kruntimes/command';
import type {Client} from '@kruntimes/reconciler-kit';
import {waitForDeletion, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {type Block, blocksOf} from './guide.ts';

/** Somebody who follows the usage guide in a namespace. */
export interface GuideReader {
  readonly namespace: string;
  readonly client: Client;
  /** With `namespace` as that of the context. */
  kubectl(args: readonly string[], input?: string): Promise<CommandResult>;
  krt(args: readonly string[]): Promise<CommandResult>;
  shell(snippet: string): Promise<CommandResult>;
}

type TestBody = () => Promise<void>;

const patient = {timeoutMs: 240_000};
const limitMs = 600_000;

/** The blocks of docs/usage-guide.md, found by words in them. */
class Guide {
  readonly #blocks: readonly Block[];

  constructor(blocks: readonly Block[]) {
    this.#blocks = blocks;
  }

  manifest(...words: string[]): string {
    return this.#find('yaml', words);
  }

  run(name: string): string {
    return this.manifest('kind: Run\n', `name: ${name}\n`);
  }

  snippet(word: string): string {
    return this.#find('sh', [word]);
  }

  #find(wanted: string, words: readonly string[]): string {
    const found = this.#blocks.find(
      ({language, text}) => language === wanted && words.every((word) => text.includes(word)),
    );
    if (!found) throw new Error(`the guide has no ${wanted} block with ${words.join(' and ')}`);
    return found.text;
  }
}

/**
 * Tests that do all that the usage guide shows, as it stands there and in its order: one namespace, with the reader's rights and
 * no others. It needs kubectl, and a volume for a claim `artifacts`.
 *
 * @param around each test's body is given to it, and what it returns is the test
 */
export function usageGuideTests(
  reader: () => GuideReader,
  around: (body: TestBody) => TestBody = (body) => body,
): void {
  const guide = async (): Promise<Guide> => new Guide(await blocksOf('docs/usage-guide.md'));
  const ref = (name: string) => ({namespace: reader().namespace, name});
  const apply = async (manifest: string): Promise<CommandResult> => reader().kubectl(['apply', '-f', '-'], manifest);
  const isCreated = async (manifest: string, what: string): Promise<void> =>
    expect(await apply(manifest)).toEqual({code: 0, stdout: `${what} created\n`, stderr: ''});
  const until = async (name: string, holds: (run: Run) => boolean): Promise<Run> =>
    waitForObject(reader().client.kind(runKind), ref(name), holds, patient);
  const ended = async (name: string): Promise<Run> => until(name, ({status}) => isTerminal(status?.phase));
  const finish = async (runtime: string, inline: string): Promise<Run> => {
    const metadata = {namespace: reader().namespace, generateName: 'run-'};
    const run = await reader()
      .client.kind(runKind)
      .create({metadata, spec: {runtime, source: {inline}}});
    return await ended(run.metadata?.name ?? '');
  };
  const runtimeReady = async (name: string) =>
    waitForObject(
      reader().client.kind(runtimeKind),
      ref(name),
      ({spec, status}) => (status?.readyReplicas ?? 0) === (spec.replicas ?? 1),
      patient,
    );

  test(
    'its Runtime becomes available',
    around(async () => {
      await isCreated((await guide()).manifest('kind: Runtime'), 'runtime.kruntimes.io/bash');
      expect((await runtimeReady('bash')).status).toMatchObject({replicas: 2, readyReplicas: 2});
    }),
    limitMs,
  );

  for (const [name, stdout] of [
    ['hello', 'hello\n'],
    ['env-example', 'hello\n'],
    ['script-example', 'hello from source\n'],
  ] as const) {
    test(
      `its Run ${name} succeeds`,
      around(async () => {
        const manifest = (await guide()).run(name);
        await isCreated(manifest, `run.kruntimes.io/${name}`);
        expect((await ended(name)).status).toMatchObject({phase: 'Succeeded', exitCode: 0});
        expect(await reader().krt(['logs', name])).toEqual({code: 0, stdout, stderr: ''});
        // Applying it again changes nothing.
        expect((await apply(manifest)).stdout).toBe(`run.kruntimes.io/${name} unchanged\n`);
      }),
      limitMs,
    );
  }

  test(
    'its outputs snippet stores an output',
    around(async () => {
      const run = await finish('bash', (await guide()).snippet('KRUNTIME_OUTPUTS'));
      expect(run.status).toMatchObject({phase: 'Succeeded', outputs: {result: 'ok'}});
      const result = await reader().krt(['result', run.metadata?.name ?? '', 'result']);
      expect(result).toMatchObject({code: 0, stdout: 'ok\n'});
    }),
    limitMs,
  );

  test(
    'its artifacts snippet leaves an artifact, and its Runtime with a store keeps it',
    around(async () => {
      const script = (await guide()).snippet('KRUNTIME_ARTIFACTS_DIR');
      const without = await finish('bash', script);
      expect(without.status?.phase).toBe('Succeeded');
      expect(without.status?.conditions).toContainEqual(expect.objectContaining({reason: 'NoArtifactStore'}));
      expect(await apply((await guide()).manifest('kind: PersistentVolumeClaim'))).toMatchObject({code: 0, stderr: ''});
      await runtimeReady('bash-artifacts');
      const run = await finish('bash-artifacts', script);
      expect(run.status?.artifactRefs).toMatchObject([{name: 'result.txt', sizeBytes: 14}]);
      expect(run.status?.conditions).toContainEqual(expect.objectContaining({type: 'ArtifactsStored', status: 'True'}));
      const name = run.metadata?.name ?? '';
      expect(await reader().krt(['artifacts', 'get', name, 'result.txt', '-o', '-'])).toMatchObject({
        code: 0,
        stdout: 'artifact body\n',
      });
      expect(await reader().kubectl(['delete', 'run', name, '--timeout=240s'])).toMatchObject({code: 0});
    }),
    limitMs,
  );

  test(
    'its cancel snippet cancels the Run hello',
    around(async () => {
      const runs = reader().client.kind(runKind);
      await runs.delete(ref('hello'));
      await waitForDeletion(runs, ref('hello'), patient);
      await runs.create({metadata: ref('hello'), spec: {runtime: 'bash', source: {inline: 'sleep 600'}}});
      await until('hello', ({status}) => status?.phase === 'Running');
      expect(await reader().shell((await guide()).snippet('cancelRequested'))).toMatchObject({
        code: 0,
        stdout: 'run.kruntimes.io/hello patched\n',
      });
      expect((await ended('hello')).status?.phase).toBe('Cancelled');
    }),
    limitMs,
  );

  test(
    'its git credentials and its Run from git are accepted',
    around(async () => {
      // There is no such repository: the Run must not begin.
      const scaled = await reader().kubectl(['scale', 'runtime', 'bash', '--replicas=0']);
      expect(scaled).toEqual({code: 0, stdout: 'runtime.kruntimes.io/bash scaled\n', stderr: ''});
      const script = `GITHUB_TOKEN=token\n${(await guide()).snippet('gitCredentials')}`;
      expect(await reader().shell(script)).toMatchObject({
        code: 0,
        stdout: 'secret/github created\nruntime.kruntimes.io/bash patched\n',
      });
      await isCreated((await guide()).run('git-example'), 'run.kruntimes.io/git-example');
    }),
    limitMs,
  );
}
