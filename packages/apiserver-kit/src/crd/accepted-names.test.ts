import {describe, expect, test} from '@jest/globals';
import {acceptNames, takenNames} from './accepted-names.ts';

const free = takenNames([]);
const wanted = {plural: 'foos', singular: 'foo', kind: 'Foo', listKind: 'FooList', shortNames: ['f']};

describe('names of a definition', () => {
  test('are accepted where nobody has them', () => {
    const {names, condition} = acceptNames(wanted, undefined, free);
    expect(names).toEqual(wanted);
    expect(condition).toMatchObject({status: 'True', reason: 'NoConflicts', message: 'no conflicts found'});
  });

  test.each([
    ['PluralConflict', {plural: 'foos', kind: 'X'}, '"foos" is already in use'],
    ['SingularConflict', {plural: 'foo', kind: 'X'}, '"foo" is already in use'],
    ['ShortNamesConflict', {plural: 'xs', kind: 'X', shortNames: ['f']}, '"f" is already in use'],
    ['KindConflict', {plural: 'xs', kind: 'Foo'}, '"Foo" is already in use'],
    ['ListKindConflict', {plural: 'xs', kind: 'X', listKind: 'FooList'}, '"FooList" is already in use'],
  ])('%s', (reason, other, message) => {
    const {condition} = acceptNames(wanted, undefined, takenNames([other]));
    expect(condition).toMatchObject({status: 'False', reason, message});
  });

  test('those that are free are given even if others are not', () => {
    const {names} = acceptNames(wanted, undefined, takenNames([{plural: 'xs', kind: 'Foo'}]));
    expect(names).toMatchObject({plural: 'foos', kind: '', listKind: 'FooList'});
  });

  test('what a definition has is its own', () => {
    const {condition} = acceptNames(wanted, wanted, takenNames([wanted]));
    expect(condition.status).toBe('True');
  });
});
