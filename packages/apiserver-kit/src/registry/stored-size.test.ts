import {expect, test} from '@jest/globals';
import type {KubeObject} from '../kube-object.ts';
import {StoredSize} from './stored-size.ts';

function configMap(data: Record<string, string>): KubeObject {
  return {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'one'}, data};
}

function membersOf(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({length: count}, (_, index) => [`k${index}`, '']));
}

const refusal = expect.objectContaining({code: 500, message: 'etcdserver: request is too large'});

function thrownBy(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('what Kubernetes stores is storable, with room for managed fields', () => {
  const size = new StoredSize(configMap(membersOf(50_000)), false);
  size.assertManageable();
  size.assertStorable();
  expect(size.isManaged).toBe(true);
});

test('what Kubernetes stores without managed fields gets none', () => {
  const size = new StoredSize(configMap(membersOf(80_000)), false);
  size.assertManageable();
  size.assertStorable();
  expect(size.isManaged).toBe(false);
});

test('very many values that are not storable are refused at once', () => {
  const size = new StoredSize(configMap(membersOf(200_000)), false);
  expect(thrownBy(() => size.assertManageable())).toEqual(refusal);
});

test('few large values are refused when they are to be stored', () => {
  const size = new StoredSize(configMap({text: 'x'.repeat(1_600_000)}), false);
  size.assertManageable();
  expect(thrownBy(() => size.assertStorable())).toEqual(refusal);
});

test('names of fields count for custom objects alone', () => {
  const items = Array.from({length: 70_000}, () => ({aNameOfTwentyLetters: ''}));
  const object: KubeObject = {apiVersion: 'example.com/v1', kind: 'Thing', metadata: {}, items};
  expect(thrownBy(() => new StoredSize(object, true).assertStorable())).toEqual(refusal);
  new StoredSize(object, false).assertStorable();
});
