import {expect, it} from '@jest/globals';
import {ageCell, humanDuration} from './age.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

it.each([
  [-3 * second, '<invalid>'],
  [-1.5 * second, '0s'],
  [0, '0s'],
  [119 * second, '119s'],
  [2 * minute, '2m'],
  [5 * minute + 3 * second, '5m3s'],
  [10 * minute + 3 * second, '10m'],
  [179 * minute, '179m'],
  [3 * hour, '3h'],
  [7 * hour + 20 * minute, '7h20m'],
  [47 * hour, '47h'],
  [2 * day + hour, '2d1h'],
  [8 * day + hour, '8d'],
  [729 * day, '729d'],
  [731 * day, '2y1d'],
  [3000 * day, '8y'],
])('%d ms are %s', (milliseconds, text) => {
  expect(humanDuration(milliseconds)).toBe(text);
});

it('a time that is not known has no age', () => {
  expect(ageCell(undefined, new Date())).toBe('<unknown>');
  expect(ageCell(null, new Date())).toBe('<unknown>');
});
