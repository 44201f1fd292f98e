import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {afterAll, beforeAll, expect, jest, test} from '@jest/globals';
import {command} from '@kruntimes/command';
import {type ControlPlane, startControlPlane} from '@kruntimes/reconciler-kit/testing';
import {buildGoProgram} from '../support/go-program.ts';

// The machine may have other things to do.
jest.setTimeout(300_000);

const goModule = fileURLToPath(new URL('helm/', import.meta.url));
const chart = fileURLToPath(new URL('helm/chart/', import.meta.url));

let directory: string;
let program: string;
let controlPlane: ControlPlane;
let namespace: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'helm-'));
  program = join(directory, 'helm');
  await buildGoProgram(goModule, program, 'helm.sh/helm/v3/cmd/helm');
  controlPlane = await startControlPlane({server: 'embedded'});
  namespace = await controlPlane.createNamespace();
}, 960_000);

afterAll(async () => {
  await controlPlane?.stop();
  await rm(directory, {recursive: true, force: true});
});

async function helm(...args: string[]): Promise<string> {
  const env = {
    PATH: process.env['PATH'],
    HOME: directory,
    KUBECONFIG: controlPlane.kubeconfigPath,
    HELM_NAMESPACE: namespace,
  };
  const {code, stdout, stderr} = await command(program, args, {env, timeoutMs: 240_000});
  expect({args, code, stderr}).toEqual({args, code: 0, stderr: expect.any(String)});
  return stdout;
}

interface Found {
  metadata: {name: string; labels: Record<string, string>};
  data: Record<string, string>;
  spec: {replicas: number; size: number};
}

const path = (group: string, plural: string): string => `${group}/namespaces/${namespace}/${plural}`;

async function get(group: string, plural: string, name: string): Promise<Found> {
  return await controlPlane.adminRequest<Found>('GET', `${path(group, plural)}/${name}`);
}

async function names(group: string, plural: string): Promise<string[]> {
  const {items} = await controlPlane.adminRequest<{items: Found[]}>('GET', path(group, plural));
  return items.map(({metadata}) => metadata.name);
}

/** What the chart made, in its present state. */
async function state(): Promise<{greeting: string | undefined; replicas: number; size: number}> {
  const [configMap, deployment, gadget] = await Promise.all([
    get('/api/v1', 'configmaps', 'small'),
    get('/apis/apps/v1', 'deployments', 'small'),
    get('/apis/helm.example.com/v1', 'gadgets', 'small'),
  ]);
  return {greeting: configMap.data['greeting'], replicas: deployment.spec.replicas, size: gadget.spec.size};
}

test('Helm installs, upgrades, rolls back and uninstalls a chart with a definition', async () => {
  await helm('install', 'small', chart);
  expect(await state()).toEqual({greeting: 'hello', replicas: 1, size: 1});

  await helm('upgrade', 'small', chart, '--set', 'greeting=good day,replicas=2,size=5');
  expect(await state()).toEqual({greeting: 'good day', replicas: 2, size: 5});

  await helm('rollback', 'small', '1');
  expect(await state()).toEqual({greeting: 'hello', replicas: 1, size: 1});

  const history = JSON.parse(await helm('history', 'small', '--output=json')) as {revision: number; status: string}[];
  expect(history.map(({revision, status}) => [revision, status])).toEqual([
    [1, 'superseded'],
    [2, 'superseded'],
    [3, 'deployed'],
  ]);
  const releases = [1, 2, 3].map((revision) => `sh.helm.release.v1.small.v${revision}`);
  expect(await names('/api/v1', 'secrets')).toEqual(releases);

  await helm('uninstall', 'small', '--wait', '--cascade=background');
  expect(await names('/api/v1', 'configmaps')).toEqual([]);
  expect(await names('/apis/apps/v1', 'deployments')).toEqual([]);
  expect(await names('/apis/helm.example.com/v1', 'gadgets')).toEqual([]);
  expect(await names('/api/v1', 'secrets')).toEqual([]);
});
