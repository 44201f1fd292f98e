import {describe, expect, test} from '@jest/globals';
import {judge, ownCpuMs, writesPerRun} from './budgets.ts';
import {measurement, targetResult} from './measurement.fixture.ts';

const latency = (p50: number, p95: number) => ({total: {count: 9, p50, p95, p99: p95, max: p95}});
const failures = (target: Parameters<typeof judge>[0]): string[] =>
  judge(target)
    .filter(({passed}) => !passed)
    .map(({title}) => title);

describe('budgets', () => {
  test('hold for Runs that are as quick as the relay', () => {
    const verdicts = judge(targetResult([measurement(), measurement({path: 'relay'})]));
    expect(verdicts.map(({found, passed, withinBudget}) => [found, passed, withinBudget])).toEqual([
      [0, true, true],
      [3, true, true],
      [1, true, true],
      [1, true, true],
    ]);
  });

  test('are broken by one write too many or too few', () => {
    for (const updates of [199, 201]) {
      const requests = {'create runs': 100, 'update runs': updates};
      expect(failures(targetResult([measurement({requests})]))).toEqual([expect.stringContaining('writes per Run')]);
    }
  });

  test('allow the one write more of a Run that was seen Running', () => {
    const requests = {'create runs': 100, 'update runs': 207};
    expect(failures(targetResult([measurement({requests, seenRunning: 7})]))).toEqual([]);
  });

  test('are broken by a Run that is lost, or executed again', () => {
    const faults = {changedAfterEnd: 0, boundAgain: 1, unsuccessful: 0, refused: 0};
    expect(failures(targetResult([measurement({lost: 1})]))).toHaveLength(1);
    expect(failures(targetResult([measurement({faults})]))).toHaveLength(1);
  });

  test('tell a broken budget from a check that fails: the noise of a shared machine is no regression', () => {
    const relay = measurement({path: 'relay', latency: latency(10, 20)});
    const slower = judge(targetResult([measurement({latency: latency(30, 20)}), relay]));
    expect(slower.filter(({withinBudget}) => !withinBudget).map(({passed}) => passed)).toEqual([true]);
    expect(failures(targetResult([measurement({latency: latency(60, 20)}), relay]))).toEqual([
      'sequential 1: p50, times that of the relay',
    ]);
  });

  test('of throughput and processor time are those of closed loops at 25 and 64', () => {
    const load = {scenario: 'closed', load: '64', requests: {}};
    const relay = measurement({...load, path: 'relay', perSecond: 1000});
    const own = measurement({...load, perSecond: 200, cpuSeconds: {server: 1, runtimed: 4}});
    expect(failures(targetResult([own, relay]))).toEqual([
      "closed 64: Runs per s, share of the relay's",
      "closed 64: CPU of all our processes, times the API server's",
    ]);
    expect(
      failures(
        targetResult([
          {...own, load: '8'},
          {...relay, load: '8'},
        ]),
      ),
    ).toEqual(['closed 8: writes per Run, besides that of Runs seen Running']);
  });

  test('of memory and idleness are judged where there are figures', () => {
    const figure = (scenario: string, name: string, value: number) => ({scenario, load: '', name, value, unit: ''});
    const figures = [
      figure('idle', 'other requests', 1),
      figure('start', 'memory of scheduler', 130),
      figure('growth', 'memory of runtimed', 1.5),
    ];
    expect(failures(targetResult([], {figures}))).toEqual([
      'idle: requests that are no Lease renewals',
      'start: memory of scheduler, MB',
      'growth: memory of runtimed after twice the Runs, times that before',
    ]);
  });
});

test('our own processes are those of kruntimes, programs included', () => {
  expect(ownCpuMs(measurement())).toBeCloseTo(9);
});

test('writes are counted on their own path', () => {
  expect(writesPerRun(measurement())).toBe(3);
  expect(writesPerRun(measurement({path: 'relay'}))).toBe(3);
});
