import {userInfo} from 'node:os';
import {join} from 'node:path';
import {expect, test} from '@jest/globals';
import {devPaths} from './dev-paths.ts';

test('the data directory is where the platform keeps data of users', () => {
  expect(devPaths({HOME: '/home/a'}, 'linux').directory).toBe('/home/a/.local/share/kruntimes/dev');
  expect(devPaths({HOME: '/home/a', XDG_DATA_HOME: '/data'}, 'linux').directory).toBe('/data/kruntimes/dev');
  for (const ignored of ['', 'data', './data']) {
    const {directory} = devPaths({HOME: '/home/a', XDG_DATA_HOME: ignored}, 'linux');
    expect(directory).toBe('/home/a/.local/share/kruntimes/dev');
  }
  for (const env of [{}, {HOME: ''}]) {
    expect(devPaths(env, 'linux').directory).toBe(join(userInfo().homedir, '.local/share/kruntimes/dev'));
  }
  expect(devPaths({HOME: '/Users/a'}, 'darwin').directory).toBe('/Users/a/Library/Application Support/kruntimes/dev');
});
