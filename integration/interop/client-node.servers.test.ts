import {once} from 'node:events';
import {PassThrough, Readable} from 'node:stream';
import {text} from 'node:stream/consumers';
import {afterAll, beforeAll, expect, jest, test} from '@jest/globals';
import {type ControlPlane, startControlPlane} from '@kruntimes/reconciler-kit/testing';
import {
  AppsV1Api,
  CoreV1Api,
  Exec,
  KubeConfig,
  makeInformer,
  type V1ConfigMap,
  type V1Status,
} from '@kubernetes/client-node';
import {startLocalNode} from '../support/local-node.ts';

// The machine may have other things to do.
jest.setTimeout(180_000);

let controlPlane: ControlPlane;
let config: KubeConfig;
let core: CoreV1Api;

beforeAll(async () => {
  controlPlane = await startControlPlane({server: 'embedded'});
  config = new KubeConfig();
  config.loadFromFile(controlPlane.kubeconfigPath);
  core = config.makeApiClient(CoreV1Api);
}, 180_000);

afterAll(async () => {
  await controlPlane?.stop();
});

const configMap = (name: string, labels: Record<string, string> = {}): V1ConfigMap => ({metadata: {name, labels}});

test('list: selectors, pages, kinds of two groups', async () => {
  const namespace = await controlPlane.createNamespace();
  for (const name of ['a', 'b', 'c']) {
    await core.createNamespacedConfigMap({namespace, body: configMap(name, {odd: String(name !== 'b')})});
  }
  const odd = await core.listNamespacedConfigMap({namespace, labelSelector: 'odd=true'});
  expect(odd.items.map(({metadata}) => metadata?.name)).toEqual(['a', 'c']);
  const first = await core.listNamespacedConfigMap({namespace, limit: 2});
  const next = first.metadata?.['_continue'] ?? '';
  expect(first).toMatchObject({
    items: [{metadata: {name: 'a'}}, {metadata: {name: 'b'}}],
    metadata: {remainingItemCount: 1},
  });
  const rest = await core.listNamespacedConfigMap({namespace, limit: 2, _continue: next});
  expect(rest.items.map(({metadata}) => metadata?.name)).toEqual(['c']);
  expect(rest.items[0]?.metadata?.creationTimestamp).toBeInstanceOf(Date);
  expect((await config.makeApiClient(AppsV1Api).listDeploymentForAllNamespaces()).items).toEqual([]);
});

test('an informer goes on after the server was killed and started again', async () => {
  const namespace = await controlPlane.createNamespace();
  const seen = new Events();
  const informer = makeInformer<V1ConfigMap>(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
    core.listNamespacedConfigMap({namespace}),
  );
  for (const event of ['add', 'update', 'delete'] as const) {
    informer.on(event, ({metadata}) => seen.add(`${event} ${metadata?.name} ${metadata?.labels?.['round'] ?? '-'}`));
  }
  informer.on('error', () => seen.add('error'));

  await core.createNamespacedConfigMap({namespace, body: configMap('kept')});
  await informer.start();
  await seen.until('add kept -');
  await core.createNamespacedConfigMap({namespace, body: configMap('gone')});
  await seen.until('add gone -');
  await core.replaceNamespacedConfigMap({namespace, name: 'kept', body: configMap('kept', {round: 'one'})});
  await seen.until('update kept one');

  await controlPlane.killApiServer('SIGKILL');
  await seen.until('error');
  await controlPlane.restartApiServer();
  // What happens before it is connected again is not lost.
  await core.replaceNamespacedConfigMap({namespace, name: 'kept', body: configMap('kept', {round: 'two'})});
  await core.deleteNamespacedConfigMap({namespace, name: 'gone'});
  // An informer that told of an error rests until it is started again.
  await informer.start();
  await seen.until('update kept two');
  await seen.until('delete gone -');
  await core.createNamespacedConfigMap({namespace, body: configMap('new')});
  await seen.until('add new -');
  expect(informer.list().map(({metadata}) => metadata?.name)).toEqual(expect.arrayContaining(['kept', 'new']));
  expect(informer.list()).toHaveLength(2);
  expect(seen.all.filter((event) => event !== 'error')).toEqual([
    'add kept -',
    'add gone -',
    'update kept one',
    expect.stringMatching(/^(update kept two|delete gone -)$/),
    expect.stringMatching(/^(update kept two|delete gone -)$/),
    'add new -',
  ]);
  await informer.stop();
});

/** Collects what was seen and lets one wait for it. */
class Events {
  readonly all: string[] = [];
  readonly #waiting = new Set<() => void>();

  add(event: string): void {
    this.all.push(event);
    for (const look of this.#waiting) look();
  }

  async until(event: string): Promise<void> {
    while (!this.all.includes(event)) {
      await new Promise<void>((resolve) => {
        const look = (): void => {
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
  }
}

test('exec: input, output, errors and the exit code', async () => {
  await using node = await startLocalNode(controlPlane, {
    images: {idle: ['sleep', '1000']},
    spec: {containers: [{name: 'main', image: 'idle'}]},
  });
  const run = async (stdin: string, ...command: string[]): Promise<unknown> => {
    const [out, errors] = [new PassThrough(), new PassThrough()];
    const outputs = Promise.all([text(out), text(errors)]);
    const status = await new Promise<V1Status>((resolve, reject) => {
      const {namespace} = node;
      new Exec(config)
        .exec(namespace, 'target', 'main', command, out, errors, Readable.from([stdin]), false, resolve)
        .then((socket) => once(socket, 'close'))
        .then(() => reject(new Error('the connection closed without a status')), reject);
    });
    out.end();
    errors.end();
    const [stdout, stderr] = await outputs;
    return {stdout, stderr, status: status.status, causes: status.details?.causes};
  };
  expect(await run('', 'sh', '-c', 'echo out; echo err >&2; exit 3')).toEqual({
    stdout: 'out\n',
    stderr: 'err\n',
    status: 'Failure',
    causes: [{reason: 'ExitCode', message: '3'}],
  });
  expect(await run('typed\n', 'sh', '-c', 'read line; echo "got $line"')).toMatchObject({
    stdout: 'got typed\n',
    status: 'Success',
  });
});
