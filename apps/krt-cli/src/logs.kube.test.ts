import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {ARTIFACT_STORE_LABEL, artifactStoreHash, RunLogFormatter, runKind} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {KrtCluster} from './testing/krt-cluster.ts';
import {LocalNode} from './testing/local-node.ts';

// Each test starts processes, on machines that may have a lot to do.
jest.setTimeout(300_000);

const maintainer = fileURLToPath(new URL('./testing/fake-maintainer.mjs', import.meta.url));

let cluster: KrtCluster;
beforeAll(async () => {
  cluster = await KrtCluster.start();
});
afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
});

const exited = (exitCode: number) => ({outcome: {kind: 'exited' as const, exitCode}});

describe('krt logs', () => {
  test('each stream to its own, and parts of it', async () => {
    await cluster.finishedRun('done', async (player) => {
      player.output('stdout', 'one\ntwo\n', new Date('2026-01-01T10:00:00Z'));
      player.output('stderr', 'oops\n', new Date('2026-01-01T10:00:01Z'));
      player.output('stdout', Buffer.from([0xff, 0x0a]));
      await player.end(exited(0));
    });
    const all = await cluster.krt(['logs', 'done']);
    expect(all.code).toBe(0);
    expect(all.stdoutBytes).toEqual(Buffer.concat([Buffer.from('one\ntwo\n'), Buffer.from([0xff, 0x0a])]));
    expect(all.stderr).toBe('oops\n');
    const tail = await cluster.krt(['logs', 'done', '--tail', '2']);
    expect([tail.stdoutBytes, tail.stderr]).toEqual([Buffer.from([0xff, 0x0a]), 'oops\n']);
    const since = await cluster.krt(['logs', 'done', '--since', '10m']);
    expect([since.stdoutBytes, since.stderr]).toEqual([Buffer.from([0xff, 0x0a]), '']);
    const sinceTime = await cluster.krt(['logs', 'done', '--since-time', '2026-01-01T11:00:01+01:00']);
    expect([sinceTime.stdoutBytes, sinceTime.stderr]).toEqual([Buffer.from([0xff, 0x0a]), 'oops\n']);
    const yesterday = await cluster.krt(['logs', 'done', '--since-time', 'yesterday']);
    expect([yesterday.code, yesterday.stderr]).toEqual([
      2,
      'error: --since-time "yesterday" is not a time; write it as 2026-01-31T10:00:00Z\n',
    ]);
    const times = await cluster.krt(['logs', 'done', '--timestamps']);
    expect(times.stdout).toContain('2026-01-01T10:00:00.000000Z one\n2026-01-01T10:00:00.000000Z two\n');
  });

  test('-f waits for a Run that is queued, and ends with it', async () => {
    await cluster.krt(['run', '-r', 'bash', '--name', 'queued', '--', 'x']);
    const early = await cluster.krt(['logs', 'queued']);
    expect([early.code, early.stderr]).toEqual([
      125,
      'error: Run "queued" has not been started: Pending; krt logs -f queued waits for it\n',
    ]);
    const krt = cluster.start(['logs', '-f', 'queued']);
    const player = cluster.player('queued');
    await player.bind(cluster.pod);
    player.output('stdout', 'at last\n');
    await krt.printed('stdout', 'at last\n');
    await player.end(exited(1));
    expect(await krt.result()).toMatchObject({code: 0, stdout: 'at last\n', stderr: ''});
  });

  test('-f --tail goes on after the last lines without repeating any', async () => {
    await cluster.krt(['run', '-r', 'bash', '--name', 'tailed', '--', 'x']);
    const player = cluster.player('tailed');
    await player.bind(cluster.pod);
    player.output('stdout', 'a\nb\nc\n');
    const krt = cluster.start(['logs', 'tailed', '-f', '--tail=1']);
    await krt.printed('stdout', 'c\n');
    player.output('stdout', 'd\n');
    await krt.printed('stdout', 'd\n');
    await player.end(exited(0));
    expect((await krt.result()).stdout).toBe('c\nd\n');
  });

  test('--attempt finds an earlier attempt on whatever Pod it was', async () => {
    const second = await cluster.node.createPod(cluster.namespace, 'bash-runtime-2', 'bash');
    await cluster.krt(['run', '-r', 'bash', '--name', 'twice', '--max-attempts', '2', '--', 'x']);
    const player = cluster.player('twice');
    await player.bind(second);
    player.output('stdout', 'first\n');
    await player.end(exited(1));
    await player.bind(cluster.pod);
    player.output('stdout', 'second\n');
    await player.end(exited(0));
    expect((await cluster.krt(['logs', 'twice'])).stdout).toBe('second\n');
    expect((await cluster.krt(['logs', 'twice', '--attempt', '1'])).stdout).toBe('first\n');
    expect((await cluster.krt(['logs', 'twice', '--previous'])).stdout).toBe('first\n');
    expect((await cluster.krt(['logs', 'twice', '--attempt', '3'])).stderr).toContain('has had 2 attempts');
    const once = await cluster.krt(['logs', 'done', '--previous']);
    expect([once.code, once.stderr]).toEqual([
      125,
      'error: Run "done" has had one attempt only: Succeeded; krt logs done prints it\n',
    ]);
    for (const flags of [['--attempt', '1'], ['-f']]) {
      expect((await cluster.krt(['logs', 'twice', '--previous', ...flags])).code).toBe(2);
    }
  });

  test('falls back to what the status kept when the Pod is gone', async () => {
    const pod = await cluster.node.createPod(cluster.namespace, 'bash-runtime-9', 'bash');
    for (const [name, exitCode] of [
      ['lost', 0],
      ['known', 5],
    ] as const) {
      await cluster.krt(['run', '-r', 'bash', '--name', name, '--', 'x']);
      const player = cluster.player(name);
      await player.bind(pod);
      await player.end({
        ...exited(exitCode),
        output: {stdoutBytes: 9, stderrBytes: 0, truncated: false, tail: 'the end'},
      });
    }
    await cluster.client
      .kind(kinds.Pod)
      .delete({name: pod.name, namespace: cluster.namespace}, {gracePeriodSeconds: 0});
    const known = await cluster.krt(['logs', 'known']);
    expect([known.code, known.stdout]).toEqual([0, 'the end\n']);
    expect(known.stderr).toBe(
      'krt: Pod bash-runtime-9 is gone, and the log of Run "known" with it; the last 7 bytes that its status kept:\n',
    );
    const lost = await cluster.krt(['logs', 'lost']);
    expect([lost.code, lost.stderr]).toEqual([
      125,
      'error: Pod bash-runtime-9 is gone, and the log of Run "lost" with it; krt result lost shows what is known; a Runtime with spec.artifactStore keeps logs\n',
    ]);
  });

  test('goes on in the artifact store where the log of a Pod that is gone ended', async () => {
    const namespace = cluster.namespace;
    const store = {filesystem: {claimName: 'artifacts'}};
    const pod = await cluster.node.createPod(namespace, 'bash-runtime-10', 'bash');
    await cluster.krt(['run', '-r', 'bash', '--name', 'kept', '--max-attempts', '2', '--', 'x']);
    const runs = cluster.client.kind(runKind);
    const ref = {name: 'kept', namespace};
    const {metadata} = await runs.get('kept', {namespace});
    const log = (attempt: number, text: string): string => {
      const formatter = new RunLogFormatter({run: {...ref, uid: metadata?.uid ?? ''}, attempt});
      const bytes = Buffer.from(text);
      const totals = {stdoutBytes: bytes.length, stderrBytes: 0, truncatedBytes: 0};
      const lines = [
        ...formatter.write({stream: 'stdout', offset: 0, bytes, time: new Date()}),
        ...formatter.end(totals, new Date()),
      ];
      return Buffer.from(lines.map((each) => `${each}\n`).join('')).toString('base64');
    };
    const artifacts = {'logs@2': log(2, 'one\ntwo\nthree\n')};
    await using local = await LocalNode.start(cluster.controlPlane, namespace, {
      'fake-maintainer': {command: [process.execPath, maintainer]},
    });
    await local.readyPod(
      'maintainer',
      {
        containers: [
          {
            name: 'maintainer',
            image: 'fake-maintainer',
            args: ['--download-bind-address=127.0.0.1:19095'],
            env: [
              {name: 'RUN_UID', value: metadata?.uid ?? ''},
              {name: 'ARTIFACTS', value: JSON.stringify(artifacts)},
            ],
            readinessProbe: {tcpSocket: {port: 19_095}, periodSeconds: 1},
          },
        ],
      },
      {[ARTIFACT_STORE_LABEL]: artifactStoreHash(store)},
    );

    const player = cluster.player('kept');
    await player.bind(pod);
    await player.end(exited(1), {skipLastLine: true});
    await player.bind(pod);
    const krt = cluster.start(['logs', '-f', 'kept']);
    player.output('stdout', 'one\n');
    await krt.printed('stdout', 'one\n');
    await cluster.client.kind(kinds.Pod).delete({name: pod.name, namespace}, {gracePeriodSeconds: 0});
    cluster.node.cut();
    const bound = await runs.get('kept', {namespace});
    await runs.updateStatus({...bound, status: {...bound.status, phase: 'Scheduled', artifactStore: store}});
    const artifactRefs = [{name: 'logs', key: 'k', sizeBytes: 1, digest: `sha256:${'0'.repeat(64)}`}];
    await player.end({...exited(0), artifactRefs}, {skipLastLine: true});
    // What was printed before is not printed again.
    expect(await krt.result()).toMatchObject({code: 0, stdout: 'one\ntwo\nthree\n', stderr: ''});
    expect(await cluster.krt(['logs', 'kept'])).toMatchObject({code: 0, stdout: 'one\ntwo\nthree\n', stderr: ''});
    // The store keeps the log of the last attempt only.
    const previous = await cluster.krt(['logs', 'kept', '-p']);
    expect([previous.code, previous.stderr]).toEqual([
      125,
      'error: the log of Run "kept" is no longer kept by any Pod of its Runtime; krt result kept shows what is known; of the attempts only the last one is stored\n',
    ]);
  });
});
