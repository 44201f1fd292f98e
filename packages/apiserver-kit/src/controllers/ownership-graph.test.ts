import {beforeEach, expect, test} from '@jest/globals';
import type {OwnerReference} from '../kube-object.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {OwnershipGraph} from './ownership-graph.ts';

// The graph only tells stores apart.
const pods = {} as ResourceStore;
const leases = {} as ResourceStore;

const owner = (uid: string, blockOwnerDeletion?: boolean): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'Pod',
  name: uid,
  uid,
  ...(blockOwnerDeletion !== undefined && {blockOwnerDeletion}),
});

let graph: OwnershipGraph;
let free: string[];

beforeEach(() => {
  free = [];
  graph = new OwnershipGraph((item) => void free.push(item));
});

const keysOf = (uid: string): string[] => [...graph.dependentsOf(uid)].map(({key}) => key);

test('knows who owns whom, and whether that has changed', () => {
  expect(graph.setReferences(pods, 'a/none', 'u0', [])).toBe(false);
  expect(graph.setReferences(pods, 'a/one', 'u1', [owner('x')])).toBe(true);
  expect(graph.setReferences(pods, 'a/one', 'u1', [owner('x', false)])).toBe(false);
  expect(graph.setReferences(leases, 'a/one', 'u2', [owner('x'), owner('y', true)])).toBe(true);
  expect([...graph.dependentsOf('x')].map(({uid}) => uid)).toEqual(['u1', 'u2']);
  expect([graph.isBlocked('x'), graph.isBlocked('y')]).toEqual([false, true]);
  // Another object of the same name.
  expect(graph.setReferences(pods, 'a/one', 'u3', [owner('y')])).toBe(true);
  expect(keysOf('x')).toEqual(['a/one']);
  expect([...graph.dependentsOf('y')].map(({uid}) => uid)).toEqual(['u2', 'u3']);
  expect(graph.size).toEqual({dependents: 2, owners: 2});
});

test('keeps nothing of what is gone', () => {
  graph.setReferences(pods, 'a/one', 'u1', [owner('x', true), owner('x', true)]);
  graph.setReferences(pods, 'a/two', 'u2', [owner('x')]);
  graph.setReferences(leases, 'a/one', 'u3', [owner('x'), owner('u1')]);
  graph.setWaiting('x', 'pods a/x');
  graph.setReferences(pods, 'a/two', 'u2', []);
  graph.remove(pods, 'a/one');
  graph.remove(pods, 'a/one');
  graph.removeStore(leases);
  expect(graph.size).toEqual({dependents: 0, owners: 1});
  graph.setWaiting('x', undefined);
  graph.setWaiting('y', undefined);
  expect(graph.size).toEqual({dependents: 0, owners: 0});
});

test('one who waits is told when the last that blocks him goes, or blocks him no more', () => {
  graph.setReferences(pods, 'a/one', 'u1', [owner('x', true)]);
  graph.setReferences(pods, 'a/two', 'u2', [owner('x', true)]);
  graph.setReferences(pods, 'a/three', 'u3', [owner('x')]);
  graph.setReferences(pods, 'a/four', 'u4', [owner('y', true)]);
  graph.setWaiting('x', 'pods a/x');
  expect([...graph.cascade('x')].map(({key}) => key)).toEqual(['a/one', 'a/two', 'a/three']);
  expect([...graph.cascade('x')]).toEqual([]);
  graph.remove(pods, 'a/one');
  graph.remove(pods, 'a/four');
  expect([free, graph.isBlocked('x'), graph.isBlocked('y')]).toEqual([[], true, false]);
  graph.setReferences(pods, 'a/two', 'u2', [owner('x', false)]);
  expect([free, graph.isBlocked('x')]).toEqual([['pods a/x'], false]);
  expect(keysOf('x')).toEqual(['a/two', 'a/three']);
  // He waits anew: all are asked again.
  graph.setWaiting('x', undefined);
  graph.setWaiting('x', 'pods a/x');
  expect([...graph.cascade('x')]).toHaveLength(2);
});
