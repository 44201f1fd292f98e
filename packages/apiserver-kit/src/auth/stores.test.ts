import {expect, test} from '@jest/globals';
import type {KubeObject} from '../kube-object.ts';
import {FixtureStores} from './stores.fixture.ts';
import {follow} from './stores.ts';

const configMap = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {name, namespace: 'ns'},
});

test('follow tells what is there, what comes, and the end of a resource', () => {
  const stores = new FixtureStores().put('configmaps', configMap('a'));
  const present = new Set<string>();
  const end = follow(stores, '', 'configmaps', ({current, previous}) => {
    if (current) present.add(current.key);
    else if (previous) present.delete(previous.key);
  });
  expect([...present]).toEqual(['ns/a']);
  stores.put('configmaps', configMap('b'));
  expect([...present]).toEqual(['ns/a', 'ns/b']);
  stores.delete('', 'configmaps', 'ns/a');
  expect([...present]).toEqual(['ns/b']);
  stores.remove('', 'configmaps');
  expect([...present]).toEqual([]);
  stores.put('configmaps', configMap('c'));
  expect([...present]).toEqual(['ns/c']);
  end();
  stores.put('configmaps', configMap('d'));
  expect([...present]).toEqual(['ns/c']);
});
