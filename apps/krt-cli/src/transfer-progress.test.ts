import {expect, test} from '@jest/globals';
import {TransferProgress} from './transfer-progress.ts';

const MIB = 1024 * 1024;

test('share, size, rate of the last seconds and time left', () => {
  const progress = new TransferProgress('data.bin', 100 * MIB);
  expect(progress.describe(0, 0)).toBe('data.bin [>                   ]   0% of 100.0 MiB');
  expect(progress.describe(10 * MIB, 1000)).toBe(
    'data.bin [==>                 ]  10% of 100.0 MiB, 10.0 MiB/s, 9s left',
  );
  for (let s = 2; s <= 10; s++) progress.describe(10 * MIB, s * 1000);
  // It stood still: no rate, no promise.
  expect(progress.describe(10 * MIB, 11_000)).toBe('data.bin [==>                 ]  10% of 100.0 MiB');
  expect(progress.describe(100 * MIB, 12_000)).toContain('[====================] 100%');
});

test('an empty artifact is complete', () => {
  expect(new TransferProgress('none', 0).describe(0, 0)).toBe('none [====================] 100% of 0 B');
});
