import {describe, expect, test} from '@jest/globals';
import type {ConfigMap} from 'kubernetes-types/core/v1.d.ts';
import {
  and,
  annotationsChanged,
  generationChanged,
  labelsChanged,
  matching,
  not,
  or,
  type Predicate,
  resourceVersionChanged,
} from './predicates.ts';

const object = (metadata: ConfigMap['metadata']): ConfigMap => ({metadata: {name: 'a', ...metadata}});
const always: Predicate<ConfigMap> = {};
const never: Predicate<ConfigMap> = {create: () => false, update: () => false, delete: () => false};
const verdicts = (predicate: Predicate<ConfigMap>) => {
  const {create, update, delete: remove} = and(predicate);
  return [create(object({}), false), update(object({}), object({})), remove(object({}))];
};

describe('predicates', () => {
  test.each([
    ['generationChanged', generationChanged(), {generation: 1}, {generation: 2}],
    ['resourceVersionChanged', resourceVersionChanged(), {resourceVersion: '1'}, {resourceVersion: '2'}],
    ['labelsChanged', labelsChanged(), {labels: {a: '1'}}, {labels: {a: '2'}}],
    ['labelsChanged, key', labelsChanged(), {labels: {a: '1'}}, {labels: {b: '1'}}],
    ['labelsChanged, none before', labelsChanged(), {}, {labels: {a: '1'}}],
    ['annotationsChanged', annotationsChanged(), {annotations: {a: '1'}}, {annotations: {a: '1', b: '2'}}],
  ])('%s sees a change and nothing else', (_name, predicate, before, after) => {
    expect(predicate.update?.(object(before), object(after))).toBe(true);
    expect(predicate.update?.(object({...before, name: 'b'}), object(before))).toBe(false);
    expect(Object.keys(predicate)).toEqual(['update']);
  });

  test('matching judges the new state', () => {
    const named = matching<ConfigMap>((candidate) => candidate.metadata?.name === 'x');
    expect(named.update(object({name: 'y'}), object({name: 'x'}))).toBe(true);
    expect(named.update(object({name: 'x'}), object({name: 'y'}))).toBe(false);
    expect(named.create(object({name: 'x'}), true)).toBe(true);
    expect(named.delete(object({name: 'y'}))).toBe(false);
  });

  test('and, or, not combine them; what is left out lets through', () => {
    const yes = [true, true, true];
    const no = [false, false, false];
    expect(verdicts(always)).toEqual(yes);
    expect(verdicts(and())).toEqual(yes);
    expect(verdicts(and(always, never))).toEqual(no);
    expect(verdicts(or(never, always))).toEqual(yes);
    expect(verdicts(or(never, never))).toEqual(no);
    expect(verdicts(not(always))).toEqual(no);
    expect(verdicts(not(never))).toEqual(yes);
  });
});
