import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {text} from 'node:stream/consumers';
import {afterAll, beforeAll, expect, test} from '@jest/globals';
import {Client, kinds, Transport} from './index.ts';
import {programFolder, programsOf} from './programs.fixture.ts';
import {type ControlPlaneAccess, sharedControlPlane, waitForObject} from './testing/index.ts';

let controlPlane: ControlPlaneAccess;
let transport: Transport;
beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  transport = new Transport(controlPlane.config);
});
afterAll(() => transport.close());

test("the README's controller does what the README says", async () => {
  const program = (await programsOf('README.md')).find((candidate) => candidate.includes("name: 'ca-distributor'"));
  await using folder = await programFolder();
  const path = await folder.write('main.ts', program ?? '');
  const configMaps = new Client(transport).kind(kinds.ConfigMap);
  const namespaces = new Client(transport).kind(kinds.Namespace);
  const namespace = await controlPlane.createNamespace();
  const other = await controlPlane.createNamespace();
  const trusting = {type: 'merge', body: {metadata: {labels: {trust: 'company'}}}} as const;
  const original = {metadata: {name: 'company-ca', namespace: 'default'}, data: {'ca.crt': 'one'}};
  await configMaps.create(original);

  const flags = [
    '--kubeconfig',
    controlPlane.kubeconfigPath,
    '--leader-elect',
    '--metrics-bind-address',
    '0',
    '--health-probe-bind-address',
    '127.0.0.1:0',
  ];
  const child = spawn(process.execPath, ['--conditions=development', path, ...flags], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  const log = text(child.stderr);
  try {
    const copyIs = (content: string) =>
      waitForObject(configMaps, {name: 'company-ca', namespace}, ({data}) => data?.['ca.crt'] === content, {
        timeoutMs: 20_000,
      });
    await namespaces.patch({name: namespace}, trusting);
    await copyIs('one');
    await configMaps.patch(
      {name: 'company-ca', namespace: 'default'},
      {type: 'merge', body: {data: {'ca.crt': 'two'}}},
    );
    await copyIs('two');
    await configMaps.patch({name: 'company-ca', namespace}, {type: 'merge', body: {data: {'ca.crt': 'edited'}}});
    await copyIs('two');
    await configMaps.delete({name: 'company-ca', namespace});
    await copyIs('two');
    await expect(configMaps.get('company-ca', {namespace: other})).rejects.toMatchObject({status: 404});
  } finally {
    child.kill('SIGTERM');
    await configMaps.delete({name: 'company-ca', namespace: 'default'});
  }
  const [code] = await once(child, 'close');
  expect({code, log: await log}).toMatchObject({code: 0, log: expect.stringContaining('"copied"')});
  const events = await new Client(transport)
    .kind(kinds.Event)
    .list({namespace: 'default', fieldSelector: `regarding.name=${namespace}`});
  expect(events.items).toEqual([
    expect.objectContaining({
      reason: 'Copied',
      reportingController: 'ca-distributor',
      series: expect.objectContaining({count: 4}),
    }),
  ]);
});
