import {describe, expect, test} from '@jest/globals';
import {
  artifactKey,
  artifactPrefix,
  artifactStoreHash,
  artifactsSettled,
  describeArtifactNameProblem,
} from './artifacts.ts';
import {limits} from './limits.ts';

const owner = {namespace: 'default', uid: '0b3d6f1a-0000-4000-8000-000000000000'};

test('keys keep attempts, Runs and namespaces apart', () => {
  expect(artifactPrefix(owner)).toBe(`default/${owner.uid}/`);
  expect(artifactPrefix(owner, 2)).toBe(`default/${owner.uid}/2/`);
  expect(artifactKey(owner, 2, 'result.txt')).toBe(`default/${owner.uid}/2/result.txt`);
});

test('the longest key is within the bound of the API', () => {
  const longest = {namespace: 'n'.repeat(63), uid: 'u'.repeat(limits.uid)};
  const key = artifactKey(longest, limits.int32, 'a'.repeat(limits.artifactNameBytes));
  expect(key.length).toBeLessThanOrEqual(limits.objectPrefix + limits.path);
});

test('a store has one hash, in whatever order it is written', () => {
  const hash = artifactStoreHash({s3: {bucket: 'runs', region: 'eu'}, maxBytesPerRun: 5});
  expect(hash).toMatch(/^[0-9a-f]{10}$/);
  expect(artifactStoreHash({maxBytesPerRun: 5, s3: {region: 'eu', bucket: 'runs'}})).toBe(hash);
  expect(artifactStoreHash({s3: {bucket: 'runs', region: 'us'}, maxBytesPerRun: 5})).not.toBe(hash);
});

describe('names of artifacts', () => {
  test.each(['a', 'result.txt', 'tree.tar.gz', 'with space', '\u540d\u524d', 'a'.repeat(255), 'logs.txt'])(
    '%j',
    (name) => {
      expect(describeArtifactNameProblem(name)).toBeUndefined();
    },
  );

  test.each([
    ['', 'empty'],
    ['.', 'dot'],
    ['..', 'dot'],
    ['.hidden', 'dot'],
    ['a/b', 'slash'],
    ['a\nb', 'control'],
    ['a\u0085', 'control'],
    ['\uD800', 'UTF-8'],
    ['\uFFFD', 'UTF-8'],
    ['\u00e9'.repeat(128), 'longer than 255 bytes'],
    ['logs', 'reserved'],
  ])('%j is refused', (name, problem) => {
    expect(describeArtifactNameProblem(name)).toContain(problem);
  });
});

test('artifacts are settled while no Pod has the Run', () => {
  const run = {metadata: {uid: 'u'}, spec: {runtime: 'bash'}};
  const bound = {assignedPod: 'p', assignedPodUID: 'q', attempt: 1};
  expect(artifactsSettled({...run, status: {phase: 'Running', ...bound}})).toBe(false);
  expect(artifactsSettled({...run, status: {phase: 'Scheduled', ...bound}})).toBe(false);
  expect(artifactsSettled({...run, status: {phase: 'Pending', attempt: 1}})).toBe(true);
  expect(artifactsSettled({...run, status: {phase: 'Cancelled', ...bound}})).toBe(true);
});
