import {describe, expect, test} from '@jest/globals';
import {gitMessage} from './git-message.ts';

describe('gitMessage', () => {
  test.each([
    ['fatal: repository not found\n', 'fatal: repository not found'],
    ['remote: Counting objects: 5\nremote: denied\nfatal: no\n', 'remote: denied; fatal: no'],
    [
      "fatal: can't read https://ann:pw@host/a and ssh://git@host/b",
      "fatal: can't read https://***@host/a and ssh://***@host/b",
    ],
    ['\u001b[31mred\u0007 bell\u009b', '[31mred  bell'],
    ['', 'git said nothing'],
  ])('%j', (stderr, message) => {
    expect(gitMessage(stderr, [])).toBe(message);
  });

  test('leaves secrets out, the longest first, and is bounded', () => {
    expect(gitMessage('token abc and abcdef', ['abc', 'abcdef'])).toBe('token *** and ***');
    expect(Buffer.byteLength(gitMessage('ä'.repeat(5_000), []))).toBeLessThanOrEqual(700);
  });
});
