import {expect, test} from '@jest/globals';
import {locationOf} from './artifact-release.ts';

test.each([
  [{filesystem: {claimName: 'c'}}, 'ns/uid/ in PersistentVolumeClaim c'],
  [{filesystem: {claimName: 'c', path: '/a/'}}, 'a/ns/uid/ in PersistentVolumeClaim c'],
  [{s3: {bucket: 'b'}}, 's3://b/ns/uid/'],
  [{s3: {bucket: 'b', prefix: 'p/', endpoint: 'https://e'}}, 's3://b/p/ns/uid/ at https://e'],
])('%j keeps it in %s', (store, text) => {
  expect(locationOf(store, 'ns/uid/')).toBe(text);
});
