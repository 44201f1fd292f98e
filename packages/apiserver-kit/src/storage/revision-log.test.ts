import {expect, test} from '@jest/globals';
import {ManualClock} from '../manual-clock.fixture.ts';
import {RevisionLog, type RevisionLogOptions} from './revision-log.ts';

function logOf(count: number, options: RevisionLogOptions, bytes = 1): RevisionLog<{revision: number}> {
  const log = new RevisionLog<{revision: number}>(10, options);
  for (let n = 1; n <= count; n += 1) log.append({revision: 10 + n}, bytes);
  return log;
}

test('gives entries by revision', () => {
  const log = logOf(5, {});
  expect(log).toMatchObject({head: 15, oldest: 10, size: 5});
  expect(log.get(10)).toBeUndefined();
  expect(log.get(11)).toEqual({revision: 11});
  expect(log.get(15)).toEqual({revision: 15});
  expect(log.get(16)).toBeUndefined();
  expect(log.after(12).map(({revision}) => revision)).toEqual([13, 14, 15]);
  expect(log.after(10, 2).map(({revision}) => revision)).toEqual([11, 12]);
  expect(log.after(1, 1).map(({revision}) => revision)).toEqual([11]);
  expect(log.after(15)).toEqual([]);
});

test('has no gaps', () => {
  expect(() => logOf(5, {}).append({revision: 17}, 1)).toThrow(RangeError);
});

test('keeps no more entries and no more bytes than it may, but always the last one', () => {
  expect(logOf(5_000, {maxEntries: 3}).after(0)).toEqual([{revision: 5_008}, {revision: 5_009}, {revision: 5_010}]);
  expect(logOf(5_000, {maxBytes: 25}, 10)).toMatchObject({oldest: 5_008, head: 5_010});
  expect(logOf(5, {maxBytes: 5}, 10).after(0)).toEqual([{revision: 15}]);
});

test('lets go what is old, but not the last few', () => {
  const clock = new ManualClock();
  const log = logOf(20, {keepEntries: 5, keepMs: 1_000, clock});
  clock.advance(500);
  log.append({revision: 31}, 1);
  expect(log.size).toBe(21);
  clock.advance(501);
  log.trim();
  expect(log).toMatchObject({size: 5, oldest: 26, head: 31});
  clock.advance(10_000);
  log.append({revision: 32}, 1);
  expect(log).toMatchObject({size: 5, oldest: 27});
});

test('counts on from where it is reset to', () => {
  const log = logOf(5, {});
  log.reset(20);
  expect(log).toMatchObject({head: 20, oldest: 20, size: 0});
  log.append({revision: 21}, 1);
  expect(log.after(20)).toEqual([{revision: 21}]);
});
