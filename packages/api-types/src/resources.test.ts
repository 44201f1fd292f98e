import {describe, expect, test} from '@jest/globals';
import {capacityOf, entrypointOf, fits, requestsOf} from './resources.ts';

const template = {spec: {containers: [{name: 'runtime'}]}};

describe('resources', () => {
  test('a Run takes one of runs unless it says otherwise', () => {
    expect(requestsOf({spec: {runtime: 'b'}})).toEqual({runs: 1});
    expect(requestsOf({spec: {runtime: 'b', resources: {requests: {gpu: 2}}}})).toEqual({runs: 1, gpu: 2});
    expect(requestsOf({spec: {runtime: 'b', resources: {requests: {runs: 3}}}})).toEqual({runs: 3});
  });

  test('a Pod offers one of runs unless its Runtime says otherwise', () => {
    expect(capacityOf({spec: {template}})).toEqual({runs: 1});
    expect(capacityOf({spec: {template, capacity: {resources: {runs: 4, gpu: 1}}}})).toEqual({runs: 4, gpu: 1});
  });

  test.each([
    [{runs: 1}, {runs: 1}, true],
    [{runs: 2}, {runs: 1}, false],
    [{runs: 1, gpu: 1}, {runs: 1}, false],
    [{}, {}, true],
  ])('%j into %j: %s', (requests, free, expected) => {
    expect(fits(requests, free)).toBe(expected);
  });
});

test.each([
  [{runtime: 'b', source: {inline: ''}}, 'script'],
  [{runtime: 'b', source: {inline: ''}, entrypoint: 'main.sh'}, 'main.sh'],
  [{runtime: 'b', source: {files: []}}, undefined],
  [{runtime: 'b', args: ['ls']}, undefined],
])('entrypoint of %j: %s', (spec, entrypoint) => {
  expect(entrypointOf(spec)).toBe(entrypoint);
});
