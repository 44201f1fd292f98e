import {expect, test} from '@jest/globals';
import {controllerNames, selectControllers} from './controller-names.ts';

test.each([
  [['*'], [...controllerNames]],
  [['*', '-deployment'], controllerNames.filter((name) => name !== 'deployment')],
  [['-deployment', '*'], controllerNames.filter((name) => name !== 'deployment')],
  [
    ['garbage-collector', 'namespace'],
    ['garbage-collector', 'namespace'],
  ],
  [['garbage-collector-controller'], ['garbage-collector']],
  [['-namespace'], []],
  // The first one counts, as with kube-controller-manager.
  [['namespace', '-namespace'], ['namespace']],
  [[], []],
])('%j are %j', (list, names) => {
  expect([...selectControllers(list)]).toEqual(names);
});

test('an unknown one is refused by name', () => {
  expect(() => selectControllers(['*', '-cronjob'])).toThrow(
    /^"cronjob" is not in the list of known controllers: garb/,
  );
});
