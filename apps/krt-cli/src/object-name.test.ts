import {describe, expect, test} from '@jest/globals';
import {kindAndNames, objectName, withoutKind} from './object-name.ts';

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

test.each<[string[], 'run' | 'runtime', string[]]>([
  [[], 'run', []],
  [['runs'], 'run', []],
  [['run', 'hello', 'run/other'], 'run', ['hello', 'other']],
  [['hello', 'run'], 'run', ['hello', 'run']],
  [['run/runs'], 'run', ['runs']],
  [['Runtimes'], 'runtime', []],
  [['runtime', 'bash'], 'runtime', ['bash']],
  [['runtimes.kruntimes.io', 'bash'], 'runtime', ['bash']],
  [['runtime/bash', 'runtime/python'], 'runtime', ['bash', 'python']],
])('krt get %j', (args, kind, names) => {
  expect(kindAndNames(args)).toEqual({kind, names});
});

test('kinds cannot be mixed', () => {
  expect(() => kindAndNames(['runtime/bash', 'run/hello'])).toThrow('"run/hello" is not the name of a Runtime');
  expect(() => kindAndNames(['runs', 'runtime/bash'])).toThrow('"runtime/bash" is not the name of a Run');
});
