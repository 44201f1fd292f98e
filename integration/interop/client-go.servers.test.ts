import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, describe, expect, jest, test} from '@jest/globals';
import {command} from '@kruntimes/command';
import {Client, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlane, installDefinitions, startControlPlane} from '@kruntimes/reconciler-kit/testing';
import {buildGoProgram} from '../support/go-program.ts';
import {widgetDefinition} from './widget-definition.ts';

jest.setTimeout(300_000);

const goModule = fileURLToPath(new URL('client-go/', import.meta.url));

let directory: string;
let program: string;
let controlPlane: ControlPlane;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'client-go-'));
  program = join(directory, 'client-go');
  await buildGoProgram(goModule, program);
  controlPlane = await startControlPlane({server: 'embedded'});
  await using transport = new Transport(controlPlane.config);
  await installDefinitions(new Client(transport), [widgetDefinition]);
}, 960_000);

afterAll(async () => {
  await controlPlane?.stop();
  await rm(directory, {recursive: true, force: true});
});

type Line = Record<string, unknown>;

/** What the program said, apart from its requests, and these. */
interface Said {
  lines: Line[];
  requests: Line[];
}

async function run(name: string, env: Record<string, string> = {}): Promise<Said> {
  const namespace = await controlPlane.createNamespace();
  const {code, stdout, stderr} = await command(program, [name, namespace], {
    env: {...process.env, KUBECONFIG: controlPlane.kubeconfigPath, ...env},
    timeoutMs: 240_000,
  });
  // What it says on standard error tells why.
  expect({code, stderr}).toEqual({code: 0, stderr: expect.any(String)});
  const all = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  return {lines: all.filter(({request}) => !request), requests: all.filter(({request}) => request)};
}

describe('client-go', () => {
  test.each(['true', 'false'])('informers, with WatchList %s', async (watchList) => {
    const {lines, requests} = await run('informers', {KUBE_FEATURE_WatchListClient: watchList});
    const types = {
      typed: '*v1.ConfigMap',
      dynamic: '*unstructured.Unstructured',
      metadata: '*v1.PartialObjectMetadata',
    };
    for (const [informer, type] of Object.entries(types)) {
      const mine = lines.filter((line) => line['informer'] === informer);
      expect(mine).toEqual([
        {informer, event: 'add', name: 'before', type},
        {informer, event: 'add', name: 'later', type},
        {informer, event: 'update', name: 'later', type},
        {informer, event: 'delete', name: 'later', type},
        {informer, keys: [expect.stringMatching(/^test-\w+\/before$/)]},
      ]);
    }
    expect(requests.filter(({status}) => Number(status) >= 300)).toEqual([]);
    const isList = ({request, watch}: Line): boolean => String(request).startsWith('GET ') && !watch;
    const isWatchList = ({sendInitialEvents}: Line): boolean => sendInitialEvents === true;
    expect({lists: requests.filter(isList).length, watchLists: requests.filter(isWatchList).length}).toEqual(
      watchList === 'true' ? {lists: 0, watchLists: 3} : {lists: 3, watchLists: 0},
    );
  });

  test('leader election: the second leads when the first gives the Lease up', async () => {
    const {lines} = await run('leader-election');
    expect(lines.filter(({stopped}) => !stopped)).toEqual([
      {leading: 'first'},
      {leading: 'second'},
      {holder: 'second', transitions: 1},
    ]);
  });

  test('server-side apply: conflict, force, and what each manager owns', async () => {
    const {lines} = await run('apply');
    expect(lines).toEqual([
      {applied: 1, strategy: 'RollingUpdate'},
      {conflict: 'Apply failed with 1 conflict: conflict with "one": .spec.replicas'},
      {applied: 2},
      {manager: 'one', ownsReplicas: false, containers: 1},
      {manager: 'other', ownsReplicas: true, containers: 0},
    ]);
  });

  test('protobuf bodies', async () => {
    const {lines, requests} = await run('protobuf');
    expect(lines).toEqual([
      {data: {text: 'naïve ☃', more: 'text'}, bytes: 'AP8K', labels: {sent: 'protobuf'}},
      {leaseDurationSeconds: 15, sameTime: true},
      {left: 0},
    ]);
    const bodies = requests.filter(({request}) => !String(request).startsWith('GET '));
    expect(bodies.map(({contentType}) => contentType)).toEqual(bodies.map(() => 'application/vnd.kubernetes.protobuf'));
    expect(bodies).toHaveLength(4);
  });
});
