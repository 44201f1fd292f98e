import {expect, test} from '@jest/globals';
import {formatBytes} from './byte-size.ts';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1.5 * 1024 * 1024, '1.5 MiB'],
  [2 * 1024 ** 3, '2.0 GiB'],
  [5000 * 1024 ** 4, '5000.0 TiB'],
])('%s bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
