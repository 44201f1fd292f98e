import {expect, test} from '@jest/globals';
import {projectedMetadata} from './projected-metadata.ts';

test('keeps identity, age, owners and the labels that are asked for', () => {
  const identity = {
    name: 'a',
    namespace: 'n',
    uid: 'u',
    resourceVersion: '7',
    creationTimestamp: '2026-01-01T00:00:00Z',
    deletionTimestamp: '2026-01-02T00:00:00Z',
    ownerReferences: [{apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'v'}],
  };
  const metadata = {...identity, annotations: {x: 'y'}, labels: {app: 'b', tier: 'c'}, managedFields: [{manager: 'm'}]};
  expect(projectedMetadata(metadata)).toEqual(identity);
  expect(projectedMetadata(metadata, ['app', 'other'])).toEqual({...identity, labels: {app: 'b'}});
  expect(projectedMetadata()).toEqual({});
});
