import {expect, test} from '@jest/globals';
import {reserveLoopbackAddress} from './loopback-addresses.ts';

test('an address is given to one Pod at a time', async () => {
  const start = 64_000;
  const first = await reserveLoopbackAddress(() => start);
  const second = await reserveLoopbackAddress(() => start);
  expect(first.ip).toMatch(/^127\.77\.\d+\.\d+$/);
  expect(second.ip).not.toBe(first.ip);
  first.release();
  second.release();
});
