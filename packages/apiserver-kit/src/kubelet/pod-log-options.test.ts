import {describe, expect, test} from '@jest/globals';
import {podLogOptions} from './pod-log-options.ts';

const read = (query: string) => podLogOptions(new URLSearchParams(query), 'p');

describe('podLogOptions', () => {
  test.each([
    ['', ''],
    ['follow=true&container=c', 'follow=true'],
    ['follow&timestamps=1&previous=false', 'follow=true&timestamps=true'],
    ['follow=0', ''],
    ['tailLines=0&limitBytes=5&sinceSeconds=7', 'limitBytes=5&sinceSeconds=7&tailLines=0'],
    ['sinceTime=2026-01-01T00:00:00Z', 'sinceTime=2026-01-01T00%3A00%3A00Z'],
    ['unknown=1', ''],
  ])('passes %j on as %j', (query, passed) => {
    expect(read(query).query.toString()).toBe(passed);
  });

  test.each([
    ['tailLines=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['sinceTime=foo', 400, 'parsing time "foo" as "2006-01-02T15:04:05Z07:00": cannot parse "foo" as "2006"'],
    [
      'tailLines=-1',
      422,
      'PodLogOptions "p" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0',
    ],
    ['limitBytes=0', 422, 'PodLogOptions "p" is invalid: limitBytes: Invalid value: 0: must be greater than 0'],
    [
      'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
      422,
      'PodLogOptions "p" is invalid: []: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    ],
    ['stream=Stdout', 422, 'PodLogOptions "p" is invalid: stream: Forbidden: may not be specified'],
  ])('refuses %j', (query, code, message) => {
    expect(() => read(query)).toThrow(expect.objectContaining({code, message}));
  });
});
