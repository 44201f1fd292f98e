import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {StatusError} from '../errors/status-error.ts';
import {checkPreconditions, type DeleteOptions, deletionStep, finalizersForDeletion} from './deletion.ts';

fc.configureGlobal({seed: 17});

const now = new Date('2026-01-02T03:04:05.678Z');

describe('finalizersForDeletion', () => {
  const none: DeleteOptions = {};
  test.each([
    [['a/b'], none, ['a/b']],
    [['a/b'], {propagationPolicy: 'Foreground'} as const, ['a/b', 'foregroundDeletion']],
    [['a/b'], {propagationPolicy: 'Orphan'} as const, ['a/b', 'orphan']],
    [['orphan', 'a/b'], {propagationPolicy: 'Background'} as const, ['a/b']],
    [['orphan', 'a/b'], none, ['a/b', 'orphan']],
    [['orphan'], {propagationPolicy: 'Foreground'} as const, ['foregroundDeletion']],
    [['foregroundDeletion'], {orphanDependents: true}, ['orphan']],
    [['orphan'], {orphanDependents: false}, []],
  ])('%j with %j', (finalizers, options, expected) => {
    expect(finalizersForDeletion(finalizers, options)).toEqual(expected);
  });

  test('keeps the finalizers of others, in their order', () => {
    const policy = fc.constantFrom('Foreground' as const, 'Background' as const, 'Orphan' as const);
    const finalizers = fc.array(fc.constantFrom('a/b', 'c/d', 'orphan', 'foregroundDeletion'));
    fc.assert(
      fc.property(finalizers, policy, (given, propagationPolicy) => {
        const own = (all: readonly string[]): string[] => all.filter((each) => each.includes('/'));
        expect(own(finalizersForDeletion(given, {propagationPolicy}))).toEqual(own(given));
      }),
    );
  });
});

describe('deletionStep', () => {
  test('removes at once what nothing holds', () => {
    expect(deletionStep({name: 'a'}, {}, undefined, now)).toEqual({$case: 'remove'});
    expect(deletionStep({name: 'a'}, {}, 0, now)).toEqual({$case: 'remove'});
  });

  test('marks what a finalizer holds', () => {
    expect(deletionStep({name: 'a', generation: 3, finalizers: ['a/b']}, {}, undefined, now)).toEqual({
      $case: 'mark',
      metadata: {
        name: 'a',
        generation: 4,
        finalizers: ['a/b'],
        deletionTimestamp: '2026-01-02T03:04:05Z',
        deletionGracePeriodSeconds: 0,
      },
    });
  });

  test('gives time, which can only become shorter', () => {
    const first = deletionStep({name: 'a'}, {}, 30, now);
    expect(first).toEqual({
      $case: 'mark',
      metadata: {name: 'a', deletionTimestamp: '2026-01-02T03:04:35Z', deletionGracePeriodSeconds: 30},
    });
    const {metadata} = first as Extract<typeof first, {$case: 'mark'}>;
    expect(deletionStep(metadata, {}, 30, now)).toEqual({$case: 'pending'});
    expect(deletionStep(metadata, {gracePeriodSeconds: 60}, 60, now)).toEqual({$case: 'pending'});
    expect(deletionStep(metadata, {gracePeriodSeconds: 10}, 10, now)).toMatchObject({
      $case: 'mark',
      metadata: {deletionTimestamp: '2026-01-02T03:04:15Z', deletionGracePeriodSeconds: 10},
    });
    expect(deletionStep(metadata, {gracePeriodSeconds: 0}, 0, now)).toEqual({$case: 'remove'});
  });

  test('does not mark twice', () => {
    const metadata = {
      name: 'a',
      generation: 4,
      finalizers: ['a/b'],
      deletionTimestamp: '2026-01-01T00:00:00Z',
      deletionGracePeriodSeconds: 0,
    };
    expect(deletionStep(metadata, {}, undefined, now)).toEqual({$case: 'mark', metadata});
  });
});

test('checkPreconditions', () => {
  const resource = {group: 'apps', kind: 'Deployment'};
  const object = {apiVersion: 'apps/v1', kind: 'Deployment', metadata: {name: 'a', uid: 'u', resourceVersion: '7'}};
  const check = (preconditions: {uid?: string; resourceVersion?: string}) => (): void =>
    checkPreconditions(resource, object, preconditions);
  expect(check({uid: 'u', resourceVersion: '7'})).not.toThrow();
  expect(check({})).not.toThrow();
  expect(check({uid: 'v'})).toThrow(StatusError);
  expect(check({resourceVersion: '8'})).toThrow(
    'Operation cannot be fulfilled on Deployment.apps "a": the ResourceVersion in the precondition (8) does not match the ResourceVersion in record (7). The object might have been modified',
  );
});
