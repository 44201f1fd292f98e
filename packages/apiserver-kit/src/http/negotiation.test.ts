import {describe, expect, test} from '@jest/globals';
import {parseContentType} from './media-type.ts';
import {matchesRoute, negotiate} from './negotiation.ts';

describe('negotiate', () => {
  const table = {kind: 'Table', apiVersion: 'meta.k8s.io/v1'};
  test.each([
    [undefined, {format: 'json', view: undefined}],
    ['', {format: 'json', view: undefined}],
    ['*/*', {format: 'json', view: undefined}],
    ['application/yaml', {format: 'yaml', view: undefined}],
    ['application/json;q=0.5,application/yaml;q=0.9', {format: 'yaml', view: undefined}],
    ['application/vnd.kubernetes.protobuf,application/json', {format: 'json', view: undefined}],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', {format: 'json', view: table}],
    ['application/json;as=Table;v=v2;g=meta.k8s.io,application/json', {format: 'json', view: undefined}],
    ['application/json;as=__proto__;v=v1;g=meta.k8s.io,application/json', {format: 'json', view: undefined}],
  ])('%s', (accept, expected) => {
    expect(negotiate(accept, {isStream: false})).toMatchObject(expected);
  });

  test.each(['text/html', 'application/json;as=Table;v=v2;g=meta.k8s.io', 'application/vnd.kubernetes.protobuf'])(
    'has nothing for %s',
    (accept) => {
      expect(negotiate(accept, {isStream: false})).toBeUndefined();
    },
  );

  test('writes events in JSON only', () => {
    expect(negotiate('application/yaml', {isStream: true})).toBeUndefined();
    expect(negotiate('application/yaml, */*', {isStream: true})).toMatchObject({format: 'json'});
  });

  test('the router of built-in kinds knows fewer names', () => {
    expect([undefined, '*/*', 'application/json', 'application/*', 'text/html'].map(matchesRoute)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ]);
  });
});

test('parseContentType refuses what is not well-formed', () => {
  expect(parseContentType('application/json; charset=utf-8').name).toBe('application/json');
  expect(parseContentType('application/json;').name).toBe('application/json');
  expect(parseContentType('application/json; charset').name).toBe('unknown');
});
