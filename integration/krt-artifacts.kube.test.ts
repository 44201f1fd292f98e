import {spawn} from 'node:child_process';
import {createHash} from 'node:crypto';
import {once} from 'node:events';
import {mkdtemp, readdir, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {ARTIFACT_STORE_LABEL, GROUP, isTerminal, type Run, runKind, runtimeKind, VERSION} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {waitFor, waitForDeletion, waitForObject} from '@kruntimes/reconciler-kit/testing';
import {System} from './support/system.ts';

// Each test starts processes, on machines that may have a lot to do.
jest.setTimeout(300_000);

const krt = fileURLToPath(new URL('../apps/krt-cli/dist/main.js', import.meta.url));
const bigBytes = 100 * 1024 * 1024;

let system: System;
let namespace: string;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-get-'));
  system = await System.start();
  namespace = await system.createNamespace();
  await system.cluster.client.kind(runtimeKind).create({
    apiVersion: `${GROUP}/${VERSION}`,
    kind: 'Runtime',
    metadata: {name: 'bash', namespace},
    spec: {
      replicas: 1,
      capacity: {resources: {runs: 4}},
      artifactStore: {filesystem: {claimName: 'artifacts'}, maxBytesPerRun: 256 * 1024 * 1024},
      template: {spec: {containers: [{name: 'runtime', image: 'kruntimes-bash-runtime:latest'}]}},
    },
  });
  await system.runtimeAvailable(namespace, 'bash');
}, 300_000);
afterAll(async () => {
  await system?.stop();
  await rm(directory, {recursive: true, force: true});
});

/** Runs a script to its end, under a name. */
async function finished(name: string, inline: string): Promise<Run> {
  await system.create(namespace, {source: {inline}}, name);
  return await system.until(namespace, name, ({status}) => isTerminal(status?.phase), 120_000);
}

const maintainers = () => ({
  namespace,
  labelSelector: ARTIFACT_STORE_LABEL,
  timeoutMs: 60_000,
});

describe('krt artifacts', () => {
  test('downloads what a Run has stored, with directories unpacked, until the Run is deleted', async () => {
    await finished(
      'report',
      'echo done; cd "$KRUNTIME_ARTIFACTS_DIR"; printf body > result.txt; mkdir -p tree/deep; printf leaf > tree/deep/leaf',
    );
    const list = await system.krt(namespace, ['artifacts', 'list', 'report', '-o', 'name']);
    expect(list).toEqual({code: 0, stdout: 'logs\nresult.txt\ntree.tar.gz\n', stderr: ''});
    const get = await system.krt(namespace, [
      'artifacts',
      'get',
      'report',
      '--all',
      '--extract',
      '-q',
      '-o',
      directory,
    ]);
    expect(get).toEqual({code: 0, stdout: '', stderr: ''});
    expect((await readdir(directory, {recursive: true})).toSorted()).toEqual([
      'logs',
      'result.txt',
      'tree',
      'tree/deep',
      'tree/deep/leaf',
    ]);
    expect(await readFile(join(directory, 'result.txt'), 'utf8')).toBe('body');
    expect(await readFile(join(directory, 'tree/deep/leaf'), 'utf8')).toBe('leaf');
    const one = await system.krt(namespace, ['artifacts', 'get', 'report', 'result.txt', '-o', '-']);
    expect(one).toEqual({code: 0, stdout: 'body', stderr: ''});
    expect((await system.krt(namespace, ['describe', 'report'])).stdout).toContain('\n  result.txt    4 B');
    expect(await system.krt(namespace, ['delete', 'report'])).toMatchObject({code: 0});
    await waitForDeletion(system.cluster.client.kind(runKind), {namespace, name: 'report'}, {timeoutMs: 120_000});
    const gone = await system.krt(namespace, ['artifacts', 'get', 'report', 'result.txt', '-o', '-']);
    expect(gone).toMatchObject({code: 125, stdout: ''});
  });

  test('krt logs reads the store when the Pod is gone', async () => {
    const run = await finished('logged', String.raw`printf 'a\xff\nb\n'; echo oops >&2`);
    const before = await system.logBytes(run);
    const ref = {namespace, name: run.status?.assignedPod ?? ''};
    const pods = system.cluster.client.kind(kinds.Pod);
    await pods.delete(ref, {gracePeriodSeconds: 0});
    await waitForDeletion(pods, ref, {timeoutMs: 60_000});
    expect(before).toEqual(Buffer.from('a\u00ff\nb\n', 'latin1'));
    expect(await system.logBytes(run)).toEqual(before);
    expect((await system.logs(run)).stderr).toBe('oops\n');
    await system.runtimeAvailable(namespace, 'bash');
  });

  test('a download goes on when the maintainer dies in the middle of it', async () => {
    const run = await finished('big', `head -c ${bigBytes} /dev/urandom > "$KRUNTIME_ARTIFACTS_DIR/big.bin"`);
    const ref = run.status?.artifactRefs?.find(({name}) => name === 'big.bin');
    expect(ref?.sizeBytes).toBe(bigBytes);
    const args = [krt, '--namespace', namespace, 'artifacts', 'get', 'big', 'big.bin', '-o', '-'];
    const env = {...process.env, KUBECONFIG: system.controlPlane.kubeconfigPath};
    const child = spawn(process.execPath, args, {env, stdio: ['ignore', 'pipe', 'inherit']});
    const closed = once(child, 'close');
    // Nobody reads on: more than fits into what lies between stays where it is.
    await once(child.stdout, 'readable');
    const pods = system.cluster.client.kind(kinds.Pod);
    const [pod] = await waitFor(pods, (list) => list.length > 0, maintainers());
    const podRef = {namespace, name: pod?.metadata?.name ?? ''};
    const restarts = pod?.status?.containerStatuses?.[0]?.restartCount ?? 0;
    system.cluster.killContainer(podRef, pod?.spec?.containers[0]?.name ?? '');
    await waitForObject(pods, podRef, ({status}) => (status?.containerStatuses?.[0]?.restartCount ?? 0) > restarts, {
      timeoutMs: 60_000,
      description: 'the maintainer was started again',
    });
    const hash = createHash('sha256');
    let bytes = 0;
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      hash.update(chunk);
      bytes += chunk.length;
    }
    expect(await closed).toEqual([0, null]);
    expect([bytes, `sha256:${hash.digest('hex')}`]).toEqual([bigBytes, ref?.digest]);
  });
});
