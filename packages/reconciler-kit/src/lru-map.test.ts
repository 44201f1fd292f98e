import {expect, test} from '@jest/globals';
import {LruMap} from './lru-map.ts';

test('forgets what was not used for longest, and says what', () => {
  const map = new LruMap<string, number>(2);
  expect(map.set('a', 1)).toBeUndefined();
  expect(map.set('b', 2)).toBeUndefined();
  expect(map.get('a')).toBe(1);
  expect(map.set('c', 3)).toBe(2);
  expect(map.get('b')).toBeUndefined();
  expect(map.set('a', 4)).toBeUndefined();
  expect([...map.values()]).toEqual([3, 4]);
  map.delete('c');
  expect(map.size).toBe(1);
});
