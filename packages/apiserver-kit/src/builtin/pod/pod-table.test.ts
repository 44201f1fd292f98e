import {expect, it} from '@jest/globals';
import type {JsonObject} from '../../json/json-value.ts';
import {podTable} from './pod-table.ts';

const now = new Date('2026-01-01T00:10:00Z');
const state = (current: JsonObject, more: JsonObject = {}): JsonObject => ({
  name: 'a',
  restartCount: 0,
  ready: false,
  state: current,
  ...more,
});
const row = (status: JsonObject, metadata: JsonObject = {}, spec: JsonObject = {}): unknown[] =>
  podTable
    .cells(
      {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {name: 'x', creationTimestamp: '2026-01-01T00:00:00Z', ...metadata},
        spec: {containers: [{name: 'a'}], ...spec},
        status,
      },
      now,
    )
    .slice(1, 4);

it('names its columns as kubectl shows them', () => {
  expect(podTable.columns.map(({name}) => name)).toEqual([
    'Name',
    'Ready',
    'Status',
    'Restarts',
    'Age',
    'IP',
    'Node',
    'Nominated Node',
    'Readiness Gates',
  ]);
});

it.each<[string, unknown[], unknown[]]>([
  ['pending', row({phase: 'Pending'}), ['0/1', 'Pending', '0']],
  [
    'running after a restart',
    row({
      phase: 'Running',
      containerStatuses: [
        state(
          {running: {}},
          {ready: true, restartCount: 2, lastState: {terminated: {finishedAt: '2026-01-01T00:05:00Z'}}},
        ),
      ],
    }),
    ['1/1', 'Running', '2 (5m ago)'],
  ],
  [
    'waiting',
    row({phase: 'Running', containerStatuses: [state({waiting: {reason: 'CrashLoopBackOff'}})]}),
    ['0/1', 'CrashLoopBackOff', '0'],
  ],
  [
    'failed',
    row({phase: 'Failed', containerStatuses: [state({terminated: {exitCode: 3}})]}),
    ['0/1', 'ExitCode:3', '0'],
  ],
  [
    'killed',
    row({phase: 'Failed', containerStatuses: [state({terminated: {exitCode: 137, signal: 9}})]}),
    ['0/1', 'Signal:9', '0'],
  ],
  [
    'completed',
    row({phase: 'Succeeded', containerStatuses: [state({terminated: {exitCode: 0, reason: 'Completed'}})]}),
    ['0/1', 'Completed', '0'],
  ],
  [
    'initializing',
    row(
      {phase: 'Pending', initContainerStatuses: [state({waiting: {reason: 'PodInitializing'}})]},
      {},
      {initContainers: [{name: 'a'}, {name: 'b'}]},
    ),
    ['0/1', 'Init:0/2', '0'],
  ],
  ['evicted', row({phase: 'Failed', reason: 'Evicted'}), ['0/1', 'Evicted', '0']],
  [
    'gated',
    row({phase: 'Pending', conditions: [{type: 'PodScheduled', status: 'False', reason: 'SchedulingGated'}]}),
    ['0/1', 'SchedulingGated', '0'],
  ],
  ['terminating', row({phase: 'Running'}, {deletionTimestamp: '2026-01-01T00:00:00Z'}), ['0/1', 'Terminating', '0']],
  ['finished and deleted', row({phase: 'Failed'}, {deletionTimestamp: '2026-01-01T00:00:00Z'}), ['0/1', 'Failed', '0']],
])('a Pod that is %s', (_, cells, wanted) => {
  expect(cells).toEqual(wanted);
});
