import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {isRuntimedError} from '../errors.ts';
import {isHostOf, parseGitUrl} from './git-url.ts';

describe('parseGitUrl', () => {
  test.each([
    ['https://github.com/a/b.git', 'https', 'github.com', 443],
    ['https://Git.Example.com:8443/a', 'https', 'git.example.com', 8443],
    ['http://host/a', 'http', 'host', 80],
    ['ssh://git@git.example.com/a.git', 'ssh', 'git.example.com', 22],
    ['ssh://git.example.com:2222/~ann/a.git', 'ssh', 'git.example.com', 2222],
    ['https://[2001:db8::1]:8443/a', 'https', '[2001:db8::1]', 8443],
  ])('%s', (url, protocol, host, port) => {
    expect(parseGitUrl(url)).toMatchObject({text: url, protocol, host, port});
  });

  test('reads host and port as a browser does, or not at all', () => {
    const part = fc.constantFrom(
      'a',
      'example.com',
      ':',
      '/',
      '\\',
      '@',
      '?',
      '#',
      '%40',
      '[',
      ']',
      '::1',
      ':443',
      ':22',
      '-',
      ' ',
      '.',
    );
    const text = fc.tuple(
      fc.constantFrom('https://', 'http://', 'ssh://'),
      fc.array(part, {minLength: 1, maxLength: 8}),
    );
    fc.assert(
      fc.property(text, ([scheme, parts]) => {
        const url = scheme + parts.join('');
        let parsed: ReturnType<typeof parseGitUrl>;
        try {
          parsed = parseGitUrl(url);
        } catch (error) {
          expect(isRuntimedError(error, 'SOURCE_INVALID')).toBe(true);
          return;
        }
        if (!URL.canParse(url)) return;
        const other = new URL(url);
        expect(other.hostname.toLowerCase()).toBe(parsed.host);
        expect(other.password).toBe('');
        if (other.port !== '') expect(Number(other.port)).toBe(parsed.port);
      }),
      {numRuns: 3_000},
    );
  });
});

describe('isHostOf', () => {
  test.each([
    ['github.com', 'https://github.com/a', true],
    ['GitHub.com', 'https://github.com/a', true],
    ['github.com', 'https://github.com:443/a', true],
    ['github.com:443', 'https://github.com/a', true],
    ['github.com', 'ssh://git@github.com/a', true],
    ['github.com', 'https://github.com:8443/a', false],
    ['github.com:8443', 'https://github.com/a', false],
    ['github.com', 'https://github.com.evil.example/a', false],
    ['github.com', 'https://evil-github.com/a', false],
    ['github.com', 'https://api.github.com/a', false],
    ['[::1]', 'https://[::1]/a', true],
    ['', 'https://github.com/a', false],
    ['*', 'https://github.com/a', false],
  ])('%s and %s: %s', (entry, url, expected) => {
    expect(isHostOf(entry, parseGitUrl(url))).toBe(expected);
  });
});
