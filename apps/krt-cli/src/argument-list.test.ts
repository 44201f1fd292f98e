import {describe, expect, test} from '@jest/globals';
import {checkSeparator, normalizeArguments} from './argument-list.ts';

const flags = {booleans: new Set(['wait', 'follow'])};

describe('normalizeArguments', () => {
  test("rewrites kubectl's spellings", () => {
    const given = ['delete', 'x', '--wait=false', '-o=yaml', '--follow=true', '-n=team'];
    expect(normalizeArguments(given, flags)).toEqual([
      'delete',
      'x',
      '--no-wait',
      '-o',
      'yaml',
      '--follow',
      '-n',
      'team',
    ]);
  });

  test('leaves values of other flags alone', () => {
    expect(normalizeArguments(['--name=false', '--wait=maybe', '-l', 'a=b'], flags)).toEqual([
      '--name=false',
      '--wait=maybe',
      '-l',
      'a=b',
    ]);
  });

  test('never touches what stands after --', () => {
    expect(normalizeArguments(['run', '--wait=false', '--', '--wait=false', '-o=x', '--'], flags)).toEqual([
      'run',
      '--no-wait',
      '--',
      '--wait=false',
      '-o=x',
      '--',
    ]);
  });
});

describe('checkSeparator', () => {
  test('a command line stands after --', () => {
    expect(() => checkSeparator(['echo', 'hi'], ['run', '--', 'echo', 'hi'], 'krt')).not.toThrow();
    expect(() => checkSeparator([], ['run'], 'krt')).not.toThrow();
    expect(() => checkSeparator(['echo', 'hi'], ['run', 'echo', 'hi'], 'krt')).toThrow('"echo" stands before "--"');
    expect(() => checkSeparator(['x', 'echo'], ['run', 'x', '--', 'echo'], 'krt')).toThrow('"x" stands before "--"');
  });
});
