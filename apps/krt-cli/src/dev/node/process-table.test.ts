import {describe, expect, test} from '@jest/globals';
import {leftovers, processTable} from './process-table.ts';

describe('leftovers', () => {
  const entry = (pid: number, parent: number, mark?: string, cwd = '/') => ({pid, parent, mark, cwd});
  const query = {mark: 'u1/runtime/0', podDirectory: '/p/1', living: [20]};

  test('finds children by mark, by family and by folder, and spares the other containers of the Pod', () => {
    const table = [
      entry(10, 1, 'u1/runtime/0'), // a child that was adopted by init
      entry(11, 10, undefined), // its child, with an environment of its own
      entry(12, 1, undefined, '/p/1/workspace/x'), // dropped everything but its folder
      entry(13, 1, undefined, '/p/10'), // another Pod's folder
      entry(20, 1, 'u1/runtimed/0', '/p/1'), // the sidecar
      entry(21, 20, undefined, '/p/1/workspace'), // the sidecar's child
      entry(22, 1, 'u1/runtimed/0', '/p/1'), // a stray of the sidecar: not of this container
      entry(30, 1, 'u2/runtime/0', '/p/2'),
    ];
    expect(leftovers(table, query).toSorted()).toEqual([10, 11, 12]);
  });

  test('nothing is left of nothing', () => {
    expect(leftovers([entry(1, 0)], query)).toEqual([]);
  });
});

test('processTable sees this process', async () => {
  const me = (await processTable()).find(({pid}) => pid === process.pid);
  expect(me).toMatchObject({parent: process.ppid, cwd: process.cwd()});
});
