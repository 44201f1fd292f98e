import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {
  ARTIFACTS_FINALIZER,
  artifactPrefix,
  GROUP,
  parseRunLogLine,
  type Run,
  runtimeKind,
  VERSION,
} from '@kruntimes/api-types';
import {System} from './support/system.ts';

let system: System;
let namespace: string;

const artifactStore = {filesystem: {claimName: 'artifacts', path: 'team/runs'}, maxBytesPerRun: 64 * 1024 * 1024};
const storeDirectory = (): string => {
  const {claimName, path} = artifactStore.filesystem;
  return join(system.directory, 'claims', namespace, claimName, path);
};

/** Paths of what is in the store of a Run. */
function storedOf(run: Run): string[] {
  const prefix = artifactPrefix({namespace, uid: run.metadata?.uid ?? ''});
  const directory = join(storeDirectory(), prefix);
  if (!existsSync(directory)) return [];
  return readdirSync(directory, {recursive: true, withFileTypes: true})
    .filter((entry) => entry.isFile())
    .map(({parentPath, name}) => join(parentPath, name).slice(storeDirectory().length + 1))
    .toSorted();
}

const conditionOf = (run: Run) => run.status?.conditions?.find(({type}) => type === 'ArtifactsStored');

beforeAll(async () => {
  system = await System.start();
  namespace = await system.createNamespace();
  await system.cluster.client.kind(runtimeKind).create({
    apiVersion: `${GROUP}/${VERSION}`,
    kind: 'Runtime',
    metadata: {name: 'bash', namespace},
    spec: {
      replicas: 1,
      capacity: {resources: {runs: 4}},
      artifactStore,
      template: {spec: {containers: [{name: 'runtime', image: 'kruntimes-bash-runtime:latest'}]}},
    },
  });
  await system.runtimeAvailable(namespace, 'bash');
}, 180_000);
afterAll(() => system?.stop());

describe('a Runtime with an artifact store', () => {
  test('keeps what a Run leaves, and its log', async () => {
    const run = await system.finish(namespace, {
      source: {
        inline:
          'echo hello; cd "$KRUNTIME_ARTIFACTS_DIR"; printf body > result.txt; mkdir tree; cp result.txt tree; ln -s / link',
      },
    });
    expect(run.status).toMatchObject({phase: 'Succeeded', artifactStore});
    expect(run.metadata?.finalizers).toEqual([ARTIFACTS_FINALIZER]);
    expect(conditionOf(run)).toMatchObject({status: 'False', reason: 'EntriesRejected'});
    expect(conditionOf(run)?.message).toContain('link');
    expect(run.status?.artifactRefs?.map(({name}) => name)).toEqual(['logs', 'result.txt', 'tree.tar.gz']);
    expect(storedOf(run)).toEqual(run.status?.artifactRefs?.map(({key}) => key));
    const [log = '', result = ''] = storedOf(run);
    expect(readFileSync(join(storeDirectory(), result), 'utf8')).toBe('body');
    const lines = readFileSync(join(storeDirectory(), log), 'utf8').trimEnd().split('\n').map(parseRunLogLine);
    expect(lines).toMatchObject([{data: 'hello\n'}, {end: {stdoutBytes: 6}}]);
  }, 60_000);

  test('keeps it of a Run that times out, and of one that is cancelled', async () => {
    const inline = 'echo body > "$KRUNTIME_ARTIFACTS_DIR/result"; echo ready; sleep 600';
    const timedOut = await system.finish(namespace, {source: {inline}, timeoutSeconds: 5});
    expect(timedOut.status?.phase).toBe('Timeout');
    expect(timedOut.status?.artifactRefs?.map(({name}) => name)).toEqual(['logs', 'result']);
    const {metadata} = await system.create(namespace, {source: {inline}, artifacts: {when: 'Always'}});
    const name = metadata?.name ?? '';
    await system.phase(namespace, name, 'Running');
    await system.cancel(namespace, name);
    const cancelled = await system.ended(namespace, name);
    expect(cancelled.status?.phase).toBe('Cancelled');
    expect(storedOf(cancelled)).toEqual((cancelled.status?.artifactRefs ?? []).map(({key}) => key));
  }, 90_000);

  test('keeps nothing of an attempt that is repeated', async () => {
    const run = await system.finish(namespace, {
      source: {inline: 'echo body > "$KRUNTIME_ARTIFACTS_DIR/result"; test "$KRUNTIME_RUN_ATTEMPT" = 2'},
      retryPolicy: {maxAttempts: 2, backoffSeconds: 0},
    });
    expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 2});
    expect(storedOf(run)).toEqual([`${artifactPrefix({namespace, uid: run.metadata?.uid ?? ''}, 2)}result`]);
  }, 60_000);

  test('fails a Run that leaves more than it takes, and takes nothing of it', async () => {
    const run = await system.finish(namespace, {
      source: {inline: 'truncate -s 65M "$KRUNTIME_ARTIFACTS_DIR/big"; echo hello'},
    });
    expect(run.status).toMatchObject({phase: 'Failed', reason: 'ArtifactError'});
    expect(conditionOf(run)).toMatchObject({status: 'False', reason: 'LimitExceeded'});
    expect(run.metadata?.finalizers).toBeUndefined();
    expect(storedOf(run)).toEqual([]);
  }, 60_000);

  test('costs a Run that leaves nothing nothing', async () => {
    const run = await system.finish(namespace, {source: {inline: 'true'}});
    expect(run.status?.phase).toBe('Succeeded');
    expect(run.status?.artifactStore).toBeUndefined();
    expect(run.metadata?.finalizers).toBeUndefined();
    expect(conditionOf(run)).toBeUndefined();
  }, 60_000);
});

test('runtimed killed with -9 in mid-upload stores all of it when it is back, after one execution', async () => {
  const inline = 'cd "$KRUNTIME_ARTIFACTS_DIR"; truncate -s 16M a b c; echo "once" >> "$KRUNTIME_ARTIFACTS_DIR/times"';
  const created = await system.create(namespace, {source: {inline}});
  const name = created.metadata?.name ?? '';
  await system.until(namespace, name, ({status}) => status?.artifactStore !== undefined, 60_000);
  const [pod = ''] = await system.podNames(namespace);
  await system.killRuntimed(namespace, pod);
  const run = await system.ended(namespace, name, 120_000);
  expect(run.status).toMatchObject({phase: 'Succeeded', attempt: 1});
  expect(run.status?.artifactRefs?.map(({name: artifact}) => artifact)).toEqual(['a', 'b', 'c', 'times']);
  expect(storedOf(run)).toEqual(run.status?.artifactRefs?.map(({key}) => key));
}, 180_000);
