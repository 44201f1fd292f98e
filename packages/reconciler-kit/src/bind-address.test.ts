import {expect, test} from '@jest/globals';
import {formatBindAddress, parseBindAddress} from './bind-address.ts';

test.each([
  [':8080', {port: 8080}],
  ['127.0.0.1:0', {host: '127.0.0.1', port: 0}],
  ['[::1]:8081', {host: '::1', port: 8081}],
  ['localhost:65535', {host: 'localhost', port: 65535}],
  ['0', undefined],
  ['', undefined],
])('%j is an address to listen on', (text, address) => {
  expect(parseBindAddress(text)).toEqual(address);
});

test.each(['8080', ':', 'host', ':65536', '::1:8080', '[::1]', '[1.2.3.4]:1', ':80a', ' :80', 'a:b:1'])(
  '%j is none',
  (text) => {
    expect(() => parseBindAddress(text)).toThrow(expect.objectContaining({code: 'INVALID_ARGUMENT'}));
  },
);

test('IPv6 addresses are written in brackets', () => {
  expect(formatBindAddress({address: '::1', port: 1})).toBe('[::1]:1');
  expect(formatBindAddress({address: '127.0.0.1', port: 1})).toBe('127.0.0.1:1');
});
