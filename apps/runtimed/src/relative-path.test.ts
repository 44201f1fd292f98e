import {resolve} from 'node:path';
import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {relativePathProblem, splitRelativePath} from './relative-path.ts';

describe('splitRelativePath', () => {
  test.each(['script', 'a/b/c.sh', '...', '..a', 'a..b/c', 'ä/é', '-rf', 'a b'])('accepts %j', (path) => {
    const {directories, name} = splitRelativePath(path);
    expect([...directories, name].join('/')).toBe(path);
  });

  test.each([
    ['', 'is empty'],
    ['/etc/passwd', 'is absolute'],
    ['..', 'has a segment ..'],
    ['a/../../b', 'has a segment ..'],
    ['./a', 'has a segment .'],
    ['a//b', 'has an empty segment'],
    ['a/', 'has an empty segment'],
    ['a\0b', 'contains a NUL character'],
    ['x'.repeat(256), 'has a segment longer than 255 bytes'],
    ['x/'.repeat(600), 'is longer than 1024 bytes'],
  ])('refuses %j', (path, problem) => {
    expect(relativePathProblem(path)).toBe(problem);
    expect(() => splitRelativePath(path)).toThrow(problem);
  });

  test('what it accepts resolves to a place strictly inside, and keeps its name', () => {
    const segment = fc.oneof(fc.constantFrom('.', '..', '', 'a', '\0', 'b.c'), fc.string({maxLength: 6}));
    fc.assert(
      fc.property(fc.array(segment, {maxLength: 6}), (segments) => {
        const path = segments.join('/');
        if (relativePathProblem(path) !== undefined) return;
        expect(resolve('/root', path).startsWith('/root/')).toBe(true);
        const {directories, name} = splitRelativePath(path);
        expect(resolve('/root', path)).toBe(['/root', ...directories, name].join('/'));
      }),
      {numRuns: 2_000},
    );
  });
});
