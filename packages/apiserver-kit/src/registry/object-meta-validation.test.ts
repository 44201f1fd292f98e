import {describe, expect, test} from '@jest/globals';
import {describeFieldErrors} from '../errors/field-error.ts';
import {statusErrors} from '../errors/status-error.ts';
import type {ObjectMeta} from '../kube-object.ts';
import {subdomainProblems} from './name-rules.ts';
import {validateObjectMeta, validateObjectMetaUpdate} from './object-meta-validation.ts';

const owner = {apiVersion: 'v1', kind: 'Pod', name: 'a', uid: '1'};

describe('validateObjectMeta', () => {
  const check = (metadata: ObjectMeta, custom = false): string => {
    const errors = validateObjectMeta(metadata, {namespaced: true, custom, validateName: subdomainProblems});
    return errors.length === 0 ? '' : describeFieldErrors(errors);
  };
  const good = {name: 'a', namespace: 'b'};

  test.each<[ObjectMeta, string]>([
    [good, ''],
    [{...good, labels: {'a/b': 'c'}, annotations: {'A.B/c': 'anything goes'}, ownerReferences: [owner]}, ''],
    [{namespace: 'b'}, 'metadata.name: Required value: name or generateName is required'],
    [{name: 'a'}, 'metadata.namespace: Required value'],
    [{...good, generation: -1}, 'metadata.generation: Invalid value: -1: must be greater than or equal to 0'],
    [
      {...good, ownerReferences: [{...owner, uid: ''}]},
      'metadata.ownerReferences.uid: Invalid value: "": must not be empty',
    ],
    [
      {...good, ownerReferences: [{...owner, kind: 'Event'}]},
      'metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"a","uid":"1"}: /v1, Kind=Event is disallowed from being an owner',
    ],
    [
      {...good, finalizers: ['orphan', 'foregroundDeletion']},
      'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
    ],
    [
      {...good, finalizers: ['mine']},
      'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
    ],
    [
      {...good, annotations: {a: 'x'.repeat(256 * 1024)}},
      'metadata.annotations: Too long: may not be more than 262144 bytes',
    ],
  ])('%j', (metadata, expected) => {
    expect(check(metadata)).toBe(expected);
  });

  test('finalizers of custom kinds have any name', () => {
    expect(check({...good, finalizers: ['mine']}, true)).toBe('');
  });

  test('only one owner is the controller', () => {
    const owners = [
      {...owner, controller: true},
      {...owner, uid: '2', controller: true},
    ];
    expect(check({...good, ownerReferences: owners})).toContain('Only one reference can have Controller set to true.');
  });

  test('a prefix of a name may end in a dash', () => {
    const errors = validateObjectMeta(
      {generateName: 'a-', name: 'a-12345', namespace: 'b'},
      {namespaced: true, custom: true, validateName: subdomainProblems},
    );
    expect(errors).toEqual([]);
  });
});

describe('validateObjectMetaUpdate', () => {
  const old = {name: 'a', namespace: 'b', uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z'};

  test('what says which object it is stays', () => {
    expect(validateObjectMetaUpdate(old, old)).toEqual([]);
    const fields = validateObjectMetaUpdate({...old, uid: 'v', name: 'c', deletionTimestamp: 'x'}, old);
    expect(fields.map(({field}) => field)).toEqual(['metadata.name', 'metadata.uid', 'metadata.deletionTimestamp']);
  });

  test('nothing holds an object that is being deleted anew', () => {
    const deleted = {...old, deletionTimestamp: '2026-01-01T00:00:01Z', finalizers: ['a/b']};
    expect(validateObjectMetaUpdate({...deleted, finalizers: []}, deleted)).toEqual([]);
    expect(validateObjectMetaUpdate({...deleted, finalizers: ['c/d', 'a/b']}, deleted)).toMatchObject([
      {
        message:
          'Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"c/d"}',
      },
    ]);
  });
});

test('very many labels that are wrong are all found, and some of them are told', () => {
  const labels = Object.fromEntries(Array.from({length: 150_000}, (_, index) => [`-${index}`, 'good']));
  const rules = {namespaced: true, custom: false, validateName: () => []};
  const errors = validateObjectMeta({name: 'one', namespace: 'default', labels}, rules);
  expect(errors).toHaveLength(150_000);
  expect(statusErrors.invalid({group: '', name: 'ConfigMap'}, 'one', errors).details?.causes).toHaveLength(1_000);
});
