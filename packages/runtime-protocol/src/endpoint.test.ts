import {describe, expect, test} from '@jest/globals';
import {ProtocolError, parseEndpoint} from './endpoint.ts';

describe('parseEndpoint', () => {
  test.each([
    ['unix:///run/runtime.sock', {kind: 'unix', path: '/run/runtime.sock', target: 'unix:///run/runtime.sock'}],
    ['127.0.0.1:19091', {kind: 'tcp', host: '127.0.0.1', port: 19091, target: '127.0.0.1:19091'}],
    ['localhost:0', {kind: 'tcp', host: 'localhost', port: 0, target: 'localhost:0'}],
    ['[::1]:9091', {kind: 'tcp', host: '::1', port: 9091, target: '[::1]:9091'}],
    [`unix:///${'x'.repeat(106)}`, expect.objectContaining({kind: 'unix'})],
  ])('reads %s', (text, endpoint) => {
    expect(parseEndpoint(text)).toEqual(endpoint);
  });

  test.each([
    ['', 'expected unix:///absolute/path or host:port'],
    ['unix:/run/runtime.sock', 'a Unix socket is written unix:///absolute/path'],
    ['unix://run/runtime.sock', 'a Unix socket is written unix:///absolute/path'],
    ['unix:///', 'a Unix socket is written unix:///absolute/path'],
    [`unix:///${'x'.repeat(107)}`, "the path has 108 bytes and a Unix socket's may have 107; use a shorter one"],
    [`unix:///${'é'.repeat(54)}`, "the path has 109 bytes and a Unix socket's may have 107; use a shorter one"],
    ['unix:///a\0b', 'a path holds no NUL'],
    ['localhost', 'expected unix:///absolute/path or host:port'],
    ['localhost:65536', 'expected unix:///absolute/path or host:port'],
    ['::1:9091', 'expected unix:///absolute/path or host:port'],
    ['http://localhost:80', 'expected unix:///absolute/path or host:port'],
  ])('refuses %j', (text, reason) => {
    expect(() => parseEndpoint(text)).toThrow(
      new ProtocolError('ENDPOINT_INVALID', `invalid endpoint ${JSON.stringify(text)}: ${reason}`),
    );
  });
});
