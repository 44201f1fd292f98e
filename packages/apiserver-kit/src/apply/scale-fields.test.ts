import {expect, test} from '@jest/globals';
import type {ManagedFieldsEntry} from '../kube-object.ts';
import {parentManagedFields, type ReplicasPaths, scaleManagedFields} from './scale-fields.ts';

const paths: ReplicasPaths = new Map([
  ['apps/v1', '.spec.replicas'],
  ['apps/v0', undefined],
]);

function entry(
  manager: string,
  fieldsV1: ManagedFieldsEntry['fieldsV1'] = {},
  more: ManagedFieldsEntry = {},
): ManagedFieldsEntry {
  return {
    manager,
    operation: 'Apply',
    apiVersion: 'apps/v1',
    time: '2026-01-01T00:00:00Z',
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...more,
  };
}

const replicas = {'f:spec': {'f:replicas': {}}};
const owner = entry('owner', {'f:spec': {'f:paused': {}, 'f:replicas': {}}});
const other = entry('other', {'f:spec': {'f:paused': {}}});
const without = entry('without', replicas, {apiVersion: 'apps/v0'});
const unknown = entry('unknown', replicas, {apiVersion: 'apps/v9'});
const scaler = entry('scaler', replicas, {apiVersion: 'autoscaling/v1', operation: 'Update', subresource: 'scale'});

test('who owns the replicas owns those of the scale', () => {
  expect(scaleManagedFields([owner, other, without, unknown], paths)).toEqual([
    entry('owner', replicas, {apiVersion: 'autoscaling/v1'}),
  ]);
  expect(scaleManagedFields([other], paths)).toBeUndefined();
  expect(scaleManagedFields(undefined, paths)).toBeUndefined();
});

test('who scales takes the replicas, and has no time', () => {
  const after = parentManagedFields({
    parent: [owner, other, without, unknown],
    scale: [scaler],
    apiVersion: 'apps/v1',
    paths,
  });
  const {time: _, ...timeless} = entry('scaler', replicas, {operation: 'Update', subresource: 'scale'});
  expect(after).toEqual([other, entry('owner', {'f:spec': {'f:paused': {}}}), without, timeless]);
});

test('who keeps the replicas keeps everything', () => {
  const scale = scaleManagedFields([owner, other], paths);
  expect(parentManagedFields({parent: [owner, other], scale, apiVersion: 'apps/v1', paths})).toEqual([other, owner]);
});
