import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {Cache} from '../cache.ts';
import {Client} from '../client.ts';
import {kinds} from '../kind.ts';
import {Transport} from '../transport.ts';
import {createNamespace, FaultProxy, sharedControlPlane, waitFor, waitForDeletion, waitForObject} from './index.ts';

let client: Client;
let namespace: string;

beforeAll(async () => {
  const controlPlane = await sharedControlPlane();
  client = new Client(new Transport(controlPlane.config));
  namespace = await createNamespace(client);
});
afterAll(() => client.transport.close());

const configMap = (name: string, value: string) => ({
  metadata: {name, namespace, labels: {app: 'wait'}},
  data: {value},
});

describe('waitForObject', () => {
  test('waits for an object that is not there yet, and for its state', async () => {
    const configMaps = client.kind(kinds.ConfigMap);
    const waiting = waitForObject(configMaps, {name: 'later', namespace}, ({data}) => data?.value === '2');
    await configMaps.create(configMap('later', '1'));
    await configMaps.patch({name: 'later', namespace}, {type: 'merge', body: {data: {value: '2'}}});
    expect((await waiting).data).toEqual({value: '2'});
    await waitForObject(configMaps, {name: 'later', namespace});
  });

  test('says what it waited for and what it saw', async () => {
    const configMaps = client.kind(kinds.ConfigMap);
    await configMaps.create(configMap('never', 'still this'));
    const options = {timeoutMs: 300, description: 'value other'};
    await expect(
      waitForObject(configMaps, {name: 'never', namespace}, ({data}) => data?.value === 'other', options),
    ).rejects.toMatchObject({
      code: 'TIMEOUT',
      message: expect.stringMatching(/^value other was not met within 300 ms.*still this/),
    });
  });

  test('passes on what its predicate throws', async () => {
    const failing = waitForObject(client.kind(kinds.ServiceAccount), {name: 'default', namespace}, () => {
      throw new Error('not this one');
    });
    await expect(failing).rejects.toThrow('not this one');
  });
});

test('waitFor sees the objects of a selection, waitForDeletion their end', async () => {
  const configMaps = client.kind(kinds.ConfigMap);
  const both = waitFor(configMaps, (list) => list.length === 2, {
    namespace,
    fieldSelector: 'metadata.name!=kube-root-ca.crt',
    labelSelector: 'pair=yes',
  });
  for (const name of ['one', 'two']) {
    await configMaps.create({metadata: {name, namespace, labels: {pair: 'yes'}}});
  }
  expect((await both).map(({metadata}) => metadata?.name).toSorted()).toEqual(['one', 'two']);
  const gone = waitForDeletion(configMaps, {name: 'one', namespace});
  await configMaps.delete({name: 'one', namespace});
  await gone;
  await waitForDeletion(configMaps, {name: 'one', namespace});
});

test('waitFor looks into a cache, at once and at each event', async () => {
  const configMaps = client.kind(kinds.ConfigMap);
  const cache = new Cache(configMaps, {namespace, labelSelector: 'cached=yes'});
  const stop = new AbortController();
  const running = cache.start(stop.signal);
  await cache.synced();
  const waiting = waitFor(cache, (list) => list.length === 1);
  await configMaps.create({metadata: {name: 'cached', namespace, labels: {cached: 'yes'}}});
  expect(await waiting).toHaveLength(1);
  await waitFor(cache, (list) => list.length === 1);
  await expect(waitFor(cache, (list) => list.length === 2, {timeoutMs: 50})).rejects.toMatchObject({code: 'TIMEOUT'});
  stop.abort();
  await running;
});

test('waits through a proxy that cuts every watch', async () => {
  const controlPlane = await sharedControlPlane();
  await using proxy = await FaultProxy.start(controlPlane.config);
  await using transport = new Transport(proxy.config);
  const cutting = proxy.cutEvery(20);
  const configMaps = new Client(transport).kind(kinds.ConfigMap);
  const waiting = waitForObject(configMaps, {name: 'counted', namespace}, ({data}) => data?.value === '20');
  await configMaps.create(configMap('counted', '0'));
  for (let value = 1; value <= 20; value++) {
    await configMaps.patch({name: 'counted', namespace}, {type: 'merge', body: {data: {value: String(value)}}});
    // Over a few cuts, not between two of them; at the end nobody watches any more.
    if (value % 5 === 0 && value < 20) await proxy.nextRequest({watch: true});
  }
  expect((await waiting).data).toEqual({value: '20'});
  expect(cutting.hits).toBeGreaterThan(0);
});
