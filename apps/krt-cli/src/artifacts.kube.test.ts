import {createHash} from 'node:crypto';
import {mkdtemp, readdir, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {buffer} from 'node:stream/consumers';
import {fileURLToPath} from 'node:url';
import {gzipSync} from 'node:zlib';
import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {ARTIFACT_STORE_LABEL, type ArtifactRef, artifactStoreHash, runKind} from '@kruntimes/api-types';
import {kinds} from '@kruntimes/reconciler-kit';
import {packTar} from 'modern-tar/fs';
import {KrtCluster} from './testing/krt-cluster.ts';
import {LocalNode} from './testing/local-node.ts';

// Each test starts processes, on machines that may have a lot to do.
jest.setTimeout(300_000);

const maintainer = fileURLToPath(new URL('./testing/fake-maintainer.mjs', import.meta.url));
const store = {s3: {bucket: 'runs'}};
const storeLabels = {[ARTIFACT_STORE_LABEL]: artifactStoreHash(store)};
const sizes = {
  'data.bin': 2_000_000,
  'busy.bin': 1000,
  'cut.bin': 1_000_000,
  'half.bin': 400_000,
  'wrong.bin': 5000,
  empty: 0,
};

let cluster: KrtCluster;
let node: LocalNode;
let uid: string;
let directory: string;
const contents = new Map<string, Buffer>();

beforeAll(async () => {
  cluster = await KrtCluster.start();
  directory = await mkdtemp(join(tmpdir(), 'krt-artifacts-'));
  for (const [name, bytes] of Object.entries(sizes)) contents.set(name, Buffer.alloc(bytes, name));
  contents.set(
    'tree.tar.gz',
    gzipSync(
      await buffer(
        packTar([
          {type: 'content', target: 'a.txt', content: 'a\n', mode: 0o4755},
          {type: 'content', target: 'deep/b.txt', content: 'b\n', mode: 0o600},
        ]),
      ),
    ),
  );
  contents.set('logs', Buffer.from('the log\n'));
  // Played by a program that has more than its Run would ever allow.
  contents.set('../escape', Buffer.from('out\n'));
  node = await LocalNode.start(cluster.controlPlane, cluster.namespace, {
    'fake-maintainer': {command: [process.execPath, maintainer]},
  });
  await storedRun('stored', [...contents.keys()]);
  uid = await uidOf('stored');
}, 120_000);

afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  await cluster?.[Symbol.asyncDispose]();
  await rm(directory, {recursive: true, force: true});
});

async function uidOf(name: string): Promise<string> {
  const run = await cluster.client.kind(runKind).get(name, {namespace: cluster.namespace});
  return run.metadata?.uid ?? '';
}

function refOf(name: string): ArtifactRef {
  const content = contents.get(name) ?? Buffer.alloc(0);
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`;
  return {
    name,
    key: `ns/uid/1/${name.replaceAll('/', '')}`,
    sizeBytes: content.length,
    digest,
    mediaType: 'text/plain',
  };
}

async function storedRun(name: string, artifacts: readonly string[]): Promise<void> {
  await cluster.finishedRun(name, async (player) => await player.end({outcome: {kind: 'exited', exitCode: 0}}));
  const runs = cluster.client.kind(runKind);
  const run = await runs.get(name, {namespace: cluster.namespace});
  const condition = {
    type: 'ArtifactsStored',
    status: 'False' as const,
    reason: 'LimitExceeded',
    message: 'big.bin is too large',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  const conditions =
    artifacts.length > 0 ? (run.status?.conditions ?? []) : [...(run.status?.conditions ?? []), condition];
  const status = {...run.status, artifactStore: store, artifactRefs: artifacts.map(refOf), conditions};
  await runs.updateStatus({...run, status: {...status, phase: 'Succeeded' as const}});
}

async function startMaintainer(name: string, env: Record<string, string> = {}): Promise<void> {
  const artifacts = Object.fromEntries([...contents].map(([key, content]) => [key, content.toString('base64')]));
  const all = {RUN_UID: uid, ARTIFACTS: JSON.stringify({...artifacts, ...sizes}), ...env};
  await node.readyPod(
    name,
    {
      containers: [
        {
          name: 'maintainer',
          image: 'fake-maintainer',
          args: ['--download-bind-address=127.0.0.1:19095'],
          env: Object.entries(all).map(([key, value]) => ({name: key, value})),
          readinessProbe: {tcpSocket: {port: 19_095}, periodSeconds: 1},
        },
      ],
    },
    storeLabels,
  );
}

async function asked(pod: string, name: string): Promise<string[]> {
  const parts: Uint8Array[] = [];
  for await (const part of cluster.client.podLogs({name: pod, namespace: cluster.namespace}, {})) parts.push(part);
  return Buffer.concat(parts)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as {name: string; range?: string})
    .filter((each) => each.name === name)
    .map(({range}) => range ?? 'all');
}

const into = (name: string): string => join(directory, name);

describe('krt artifacts list', () => {
  test('names, sizes and, on demand, digests', async () => {
    const table = await cluster.krt(['artifacts', 'list', 'stored']);
    expect([table.code, table.stderr]).toEqual([0, '']);
    expect(table.stdout).toContain('NAME          SIZE        TYPE\ndata.bin      1.9 MiB     text/plain\n');
    const wide = await cluster.krt(['artifacts', 'list', 'stored', '-o', 'wide', '--no-headers']);
    expect(wide.stdout.split('\n')[0]).toMatch(
      /^data\.bin +1\.9 MiB +text\/plain +sha256:[0-9a-f]{64} +ns\/uid\/1\/data\.bin$/,
    );
    const json = await cluster.krt(['artifacts', 'ls', 'stored', '-o', 'json']);
    expect(JSON.parse(json.stdout)).toMatchObject({run: 'stored', artifacts: [...contents.keys()].map(refOf)});
    const names = await cluster.krt(['artifacts', 'list', 'stored', '-o', 'name']);
    expect(names.stdout.split('\n')).toContain('tree.tar.gz');
    const one = await cluster.krt(['artifacts', 'list', 'stored', '-o', 'jsonpath={.artifacts[0].sizeBytes}']);
    expect(one.stdout).toBe('2000000');
  });

  test('says why there are none', async () => {
    await storedRun('rejected', []);
    const none = await cluster.krt(['artifacts', 'list', 'rejected']);
    expect([none.code, none.stdout, none.stderr]).toEqual([
      0,
      '',
      'krt: Run "rejected" did not store everything: LimitExceeded: big.bin is too large\n',
    ]);
    const missing = await cluster.krt(['artifacts', 'list', 'storde']);
    expect([missing.code, missing.stderr]).toEqual([
      125,
      `error: Run "storde" does not exist in namespace "${cluster.namespace}"; did you mean "stored"?\n`,
    ]);
  });
});

describe('krt artifacts get', () => {
  test('waits for a maintainer that is ready, and says so when none comes', async () => {
    const tooLong = await cluster.krt([
      'artifacts',
      'get',
      'stored',
      'data.bin',
      '-o',
      into('never/'),
      '--timeout',
      '1s',
    ]);
    expect(tooLong.code).toBe(125);
    expect(tooLong.stderr).toContain(
      'error: no maintainer of the artifact store of Run "stored" was ready in 1s: it has no Pod yet; kubectl describe pods',
    );
    const krt = cluster.start(['artifacts', 'get', 'stored', 'data.bin', '-o', into('first/')]);
    await startMaintainer('maintainer');
    const {code, stdout, stderr} = await krt.result();
    expect([code, stdout, stderr]).toEqual([0, `${into('first/data.bin')} (data.bin, 1.9 MiB)\n`, '']);
    expect((await readFile(into('first/data.bin'))).equals(contents.get('data.bin')!)).toBe(true);
    expect(await readdir(into('first'))).toEqual(['data.bin']);
  });

  test('replaces nothing without --force', async () => {
    await writeFile(into('mine'), 'mine');
    const refused = await cluster.krt(['artifacts', 'get', 'stored', 'data.bin', '-o', into('mine')]);
    expect([refused.code, refused.stderr]).toEqual([
      125,
      `error: ${into('mine')} exists already; --force replaces it, -o chooses another place\n`,
    ]);
    expect((await readFile(into('mine'))).toString()).toBe('mine');
    expect((await cluster.krt(['artifacts', 'get', 'stored', 'data.bin', '-qo', into('mine'), '--force'])).stdout).toBe(
      '',
    );
    expect((await readFile(into('mine'))).length).toBe(2_000_000);
    // What waits to become the file is not written through a link either.
    await symlink(into('elsewhere'), into('linked.part'));
    const linked = await cluster.krt(['artifacts', 'get', 'stored', 'data.bin', '-o', into('linked')]);
    expect([linked.code, linked.stderr]).toEqual([125, `error: ${into('linked.part')}: it is a symbolic link\n`]);
  });

  test('goes on after cuts, from where it stopped', async () => {
    const {code, stdoutBytes} = await cluster.krt(['artifacts', 'get', 'stored', 'cut.bin', '-o', '-']);
    expect(code).toBe(0);
    expect(stdoutBytes.equals(contents.get('cut.bin')!)).toBe(true);
    const ranges = await asked('maintainer', 'cut.bin');
    expect(ranges).toHaveLength(3);
    expect(ranges[0]).toBe('all');
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    const busy = await cluster.krt(['artifacts', 'get', 'stored', 'busy.bin', '-o', '-']);
    expect(busy.stdoutBytes.equals(contents.get('busy.bin')!)).toBe(true);
    expect((await cluster.krt(['artifacts', 'get', 'stored', 'empty', '-o', '-'])).stdout).toBe('');
  });

  test('keeps what it has after a failure, and the next command goes on', async () => {
    const half = await cluster.krt([
      'artifacts',
      'get',
      'stored',
      'half.bin',
      '-o',
      into('half.bin'),
      '--timeout',
      '2s',
    ]);
    expect(half.code).toBe(125);
    expect(half.stderr).toContain('error: artifact "half.bin" does not come: ');
    expect(half.stderr).toContain('; the same command goes on where it stopped\n');
    const part = await readFile(into('half.bin.part'));
    expect(part.length).toBeGreaterThan(0);
    expect(part.equals(contents.get('half.bin')!.subarray(0, part.length))).toBe(true);
    const ref = {name: 'maintainer', namespace: cluster.namespace};
    await cluster.client.kind(kinds.Pod).delete(ref, {gracePeriodSeconds: 0});
    await startMaintainer('maintainer-2', {WHOLE: '1'});
    expect((await cluster.krt(['artifacts', 'get', 'stored', 'half.bin', '-o', into('half.bin')])).stderr).toBe('');
    expect((await readFile(into('half.bin'))).equals(contents.get('half.bin')!)).toBe(true);
    expect(await asked('maintainer-2', 'half.bin')).toEqual([`bytes=${part.length}-`]);
    // What lies there may be something else: then it begins anew.
    await writeFile(into('again.bin.part'), Buffer.alloc(100));
    expect((await cluster.krt(['artifacts', 'get', 'stored', 'half.bin', '-o', into('again.bin')])).stderr).toBe('');
    expect((await readFile(into('again.bin'))).equals(contents.get('half.bin')!)).toBe(true);
  });

  test('keeps nothing whose digest is wrong', async () => {
    const wrong = await cluster.krt(['artifacts', 'get', 'stored', 'wrong.bin', '-o', into('wrong/')]);
    expect(wrong.code).toBe(125);
    expect(wrong.stderr).toContain('error: artifact "wrong.bin" is not what the Run stored: sha256:');
    expect(await readdir(into('wrong'))).toEqual([]);
  });

  test('--extract unpacks, without the modes that matter to others', async () => {
    const tree = ['artifacts', 'get', 'stored', 'tree.tar.gz', '--extract', '-o', into('x')];
    expect(await cluster.krt(tree)).toMatchObject({code: 0, stderr: ''});
    expect((await readdir(into('x'), {recursive: true})).toSorted()).toEqual([
      'tree',
      'tree/a.txt',
      'tree/deep',
      'tree/deep/b.txt',
    ]);
    expect((await readFile(into('x/tree/deep/b.txt'))).toString()).toBe('b\n');
    expect((await cluster.krt(tree)).stderr).toContain('exists already');
    expect((await cluster.krt([...tree, '--force'])).code).toBe(0);
  });

  test('no name leads out of the directory', async () => {
    const all = await cluster.krt(['artifacts', 'get', 'stored', '--all', '-o', into('all')]);
    expect([all.code, all.stderr]).toEqual([
      125,
      'error: artifact "../escape" cannot become a file: the name begins with a dot; give one with -o FILE, or -o - for stdout\n',
    ]);
    expect(await readdir(into('all'))).toEqual([]);
  });

  test('says which artifacts there are, and what is not allowed', async () => {
    const unknown = await cluster.krt(['artifacts', 'get', 'stored', 'data.bim']);
    expect([unknown.code, unknown.stderr]).toEqual([
      125,
      'error: Run "stored" has no artifact "data.bim"; did you mean data.bin?\n',
    ]);
    const which = await cluster.krt(['artifacts', 'get', 'stored']);
    expect(which.code).toBe(2);
    expect(which.stderr).toContain('error: Run "stored" has 9 artifacts; name some of data.bin, busy.bin, ');
    const rules = [
      {apiGroups: ['kruntimes.io'], resources: ['runs'], verbs: ['get']},
      {apiGroups: [''], resources: ['pods'], verbs: ['list', 'watch']},
    ];
    const kubeconfig = await cluster.kubeconfigOf('reader', rules);
    const refused = await cluster.krt(['artifacts', 'get', 'stored', 'data.bin', '-o', '-'], {kubeconfig});
    expect([refused.code, refused.stdout]).toEqual([125, '']);
    expect(refused.stderr).toMatch(/^error: user "reader" may not (get|create) pods\/portforward in namespace/);
    expect(refused.stderr).toContain('verbs: ["get", "create"], apiGroups: [""], resources: ["pods/portforward"]');
  });

  test('completes the names of artifacts', async () => {
    const {stdout} = await cluster.krt(['__complete', 'artifacts', 'get', 'stored', 'data.bin', '']);
    expect(stdout).toContain('cut.bin\t976.6 KiB\n');
    expect(stdout).not.toContain('data.bin');
  });
});
