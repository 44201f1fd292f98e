import {describe, expect, test} from '@jest/globals';
import {objectName, withoutKind} from './object-name.ts';

describe('objectName', () => {
  test.each(['hello', 'run/hello', 'runs/hello', 'run.kruntimes.io/hello', 'Runs.kruntimes.io/hello'])(
    '%s',
    (argument) => {
      expect(objectName(argument, 'run')).toBe('hello');
    },
  );

  test.each(['pod/hello', 'runtime/hello', 'run/', 'run/a/b', '/hello'])('%s is refused', (argument) => {
    expect(() => objectName(argument, 'run')).toThrow('is not the name of a Run');
  });
});

test.each([
  [['run', 'hello'], ['hello']],
  [
    ['runs', 'a', 'b'],
    ['a', 'b'],
  ],
  [['runs'], ['runs']],
  [
    ['a', 'run'],
    ['a', 'run'],
  ],
])('the kind before names is left out: %j', (args, names) => {
  expect(withoutKind(args)).toEqual(names);
});
