import {expect, test} from '@jest/globals';
import {keepRunning} from './keep-running.ts';

test('what ends is started again until it is told to stop, also when a start fails', async () => {
  const stop = new AbortController();
  const told: string[] = [];
  let starts = 0;
  await keepRunning(
    {
      name: 'scheduler',
      exited: async () => await Promise.resolve('SIGKILL'),
      restart: async () => {
        await Promise.resolve();
        starts++;
        if (starts === 1) throw new Error('no memory');
        if (starts === 3) stop.abort();
      },
    },
    {signal: stop.signal, tell: (text) => told.push(text), waitMs: 1},
  );
  expect(told).toEqual([
    'scheduler ended (SIGKILL): it is started again',
    'scheduler did not start: Error: no memory',
    'scheduler ended (SIGKILL): it is started again',
    'scheduler is up again',
    'scheduler ended (SIGKILL): it is started again',
    'scheduler is up again',
  ]);
});

test('what was stopped is left alone', async () => {
  const stop = new AbortController();
  const ended = Promise.withResolvers<string>();
  const restart = async (): Promise<void> => {
    throw new Error('nobody asked for it');
  };
  const told: string[] = [];
  const kept = keepRunning(
    {name: 'a', exited: () => ended.promise, restart},
    {signal: stop.signal, tell: (text) => told.push(text)},
  );
  stop.abort();
  ended.resolve('SIGTERM');
  await kept;
  expect(told).toEqual([]);
});
