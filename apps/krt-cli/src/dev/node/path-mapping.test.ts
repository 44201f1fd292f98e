import {describe, expect, test} from '@jest/globals';
import {mapPaths} from './path-mapping.ts';

describe('mapPaths', () => {
  const mappings = [
    {containerPath: '/workspace', hostPath: '/tmp/p/1/workspace'},
    {containerPath: '/workspace/cache', hostPath: '/tmp/p/1/cache'},
    {containerPath: '/run/kruntimes', hostPath: '/tmp/p/1/run'},
  ];
  test.each([
    ['/workspace', '/tmp/p/1/workspace'],
    ['/workspace/a/b', '/tmp/p/1/workspace/a/b'],
    ['/workspace/cache/x', '/tmp/p/1/cache/x'],
    ['--workspace-root=/workspace', '--workspace-root=/tmp/p/1/workspace'],
    ['unix:///run/kruntimes/runtime.sock', 'unix:///tmp/p/1/run/runtime.sock'],
    ['/bin:/workspace/bin:/workspace', '/bin:/tmp/p/1/workspace/bin:/tmp/p/1/workspace'],
    ['{"dir":"/workspace"}', '{"dir":"/tmp/p/1/workspace"}'],
    ['/workspaces', '/workspaces'],
    ['/workspace-old/x', '/workspace-old/x'],
    ['/data/workspace', '/data/workspace'],
    ['relative/workspace', 'relative/workspace'],
    ['http://host/workspace', 'http://host/workspace'],
  ])('%s → %s', (text, expected) => {
    expect(mapPaths(text, mappings)).toBe(expected);
  });

  test('a dollar in a host path is a dollar', () => {
    expect(mapPaths('/a/x', [{containerPath: '/a', hostPath: '/home/$&'}])).toBe('/home/$&/x');
  });
});
