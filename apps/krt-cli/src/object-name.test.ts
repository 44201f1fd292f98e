import {describe, expect, test} from '@jest/globals';
import {objectName} from './object-name.ts';

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
