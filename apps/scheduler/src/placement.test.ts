import {describe, expect, test} from '@jest/globals';
import {Placement, type PlacementPod, type PlacementRun} from './placement.ts';

const RUNTIME = 'default/bash';

function run(uid: string, fields: Partial<PlacementRun> = {}): PlacementRun {
  return {uid, runtime: RUNTIME, requests: {runs: 1}, priority: 0, queuedAt: 0, ...fields};
}

function pod(uid: string, fields: Partial<PlacementPod> = {}): PlacementPod {
  return {uid, name: `pod-${uid}`, runtime: RUNTIME, capacity: {runs: 2}, open: true, ...fields};
}

function place(placement: Placement, now = 0): string[] {
  const decisions: string[] = [];
  for (let d = placement.next(now); d !== undefined; d = placement.next(now)) decisions.push(`${d.run}>${d.pod.uid}`);
  return decisions;
}

function bash(...pods: PlacementPod[]): Placement {
  const placement = new Placement();
  placement.setRuntime({key: RUNTIME, capacity: {runs: 2}});
  for (const one of pods) placement.setPod(one);
  return placement;
}

describe('Placement', () => {
  test('spreads Runs over Pods up to their capacity', () => {
    const placement = bash(pod('a'), pod('b'));
    for (const uid of ['1', '2', '3', '4', '5']) placement.setPending(run(uid), 0);
    expect(
      place(placement)
        .map((d) => d.split('>')[1])
        .sort(),
    ).toEqual(['a', 'a', 'b', 'b']);
    expect(placement.obstacle('5')).toEqual({reason: 'InsufficientCapacity'});
    expect([...placement.load()]).toEqual([{runtime: RUNTIME, waiting: 1, active: 4, used: 4, free: 0}]);
  });

  test('says whether a Run had to wait: it came when all was full, or found nothing', () => {
    const placement = bash(pod('a'));
    for (const uid of ['1', '2', '3']) placement.setPending(run(uid), 10);
    expect([placement.next(10)?.waited, placement.next(10)?.waited, placement.next(10)]).toEqual([
      false,
      false,
      undefined,
    ]);
    placement.setPending(run('4'), 20);
    placement.deleteRun('1');
    expect(placement.next(30)).toMatchObject({run: '3', waited: true});
    placement.deleteRun('2');
    expect(placement.next(30)).toMatchObject({run: '4', waited: true});
    placement.deleteRun('3');
    placement.setPending(run('5'), 40);
    expect(placement.next(40)).toMatchObject({run: '5', waited: false});
    expect([...placement.load()]).toEqual([{runtime: RUNTIME, waiting: 0, active: 2, used: 2, free: 0}]);
    placement.setPod({...pod('a'), open: false});
    placement.deleteRun('5');
    expect([...placement.load()]).toEqual([{runtime: RUNTIME, waiting: 0, active: 1, used: 1, free: 0}]);
  });

  test('higher priority first, then the older, then the order of arrival', () => {
    const placement = bash();
    placement.setPending(run('young', {queuedAt: 2000}), 0);
    placement.setPending(run('old', {queuedAt: 1000}), 0);
    placement.setPending(run('twin', {queuedAt: 1000}), 0);
    placement.setPending(run('urgent', {queuedAt: 3000, priority: 5}), 0);
    placement.setPod(pod('a', {capacity: {runs: 9}}));
    expect(place(placement)).toEqual(['urgent>a', 'old>a', 'twin>a', 'young>a']);
  });

  test('a Run of another Runtime is never placed on the Pod', () => {
    const placement = bash(pod('a'));
    placement.setPending(run('1', {runtime: 'other/bash'}), 0);
    placement.setPending(run('2', {runtime: 'default/python'}), 0);
    expect(place(placement)).toEqual([]);
    expect(placement.obstacle('1')).toEqual({reason: 'RuntimeNotFound'});
  });

  test('a Pod that is closed takes nothing and keeps its reservations', () => {
    const placement = bash(pod('a'));
    placement.setPending(run('1'), 0);
    expect(place(placement)).toEqual(['1>a']);
    placement.setPod(pod('a', {open: false}));
    placement.setPending(run('2'), 0);
    expect(place(placement)).toEqual([]);
    expect(placement.obstacle('2')).toEqual({reason: 'NoReadyPods'});
    placement.setPod(pod('a'));
    placement.setPending(run('3'), 0);
    expect(place(placement)).toEqual(['2>a']);
  });

  test('a slot that was reserved before its Pod was seen counts', () => {
    const placement = bash();
    placement.setReserved(run('1'), 'a');
    placement.setReserved(run('2'), 'a');
    placement.setPending(run('3'), 0);
    placement.setPod(pod('a'));
    expect(place(placement)).toEqual([]);
    placement.deleteRun('1');
    expect(place(placement)).toEqual(['3>a']);
  });

  test('a dropped reservation is given to the next, and the Run waits again in its old place', () => {
    const placement = bash(pod('a', {capacity: {runs: 1}}));
    placement.setPending(run('1'), 0);
    placement.setPending(run('2'), 0);
    expect(place(placement)).toEqual(['1>a']);
    placement.setPending(run('1'), 0);
    expect(place(placement)).toEqual(['1>a']);
  });

  test('Runtimes take turns', () => {
    const placement = bash(pod('a', {capacity: {runs: 9}}), pod('b', {runtime: 'x/y', capacity: {runs: 9}}));
    for (const uid of ['1', '2', '3']) placement.setPending(run(uid), 0);
    placement.setPending(run('4', {runtime: 'x/y'}), 0);
    expect(place(placement)).toEqual(['1>a', '4>b', '2>a', '3>a']);
  });

  test('says what stands in the way, the nearest first', () => {
    const placement = new Placement();
    placement.setPending(run('1', {requests: {runs: 1, gpu: 1}}), 0);
    const reason = () => {
      place(placement);
      return placement.obstacle('1')?.reason;
    };
    expect(reason()).toBe('RuntimeNotFound');
    placement.setRuntime({key: RUNTIME, capacity: {runs: 1}, trouble: 'RuntimeNotAccepted'});
    expect(reason()).toBe('RequestTooLarge');
    expect(placement.obstacle('1')).toEqual({reason: 'RequestTooLarge', resource: 'gpu'});
    placement.setRuntime({key: RUNTIME, capacity: {runs: 1, gpu: 1}, trouble: 'RuntimeNotAccepted'});
    expect(reason()).toBe('RuntimeNotAccepted');
    placement.setRuntime({key: RUNTIME, capacity: {runs: 1, gpu: 1}});
    expect(reason()).toBe('NoReadyPods');
    placement.setPod(pod('a', {capacity: {runs: 1}}));
    expect(reason()).toBe('InsufficientCapacity');
    placement.setRuntime({key: RUNTIME, capacity: {runs: 1, gpu: 1}, trouble: 'RuntimeTerminating'});
    expect(reason()).toBe('RuntimeTerminating');
    placement.deleteRuntime(RUNTIME);
    expect(reason()).toBe('RuntimeNotFound');
  });

  test('a Run that may still be placed has no obstacle', () => {
    const placement = bash(pod('a'));
    placement.setPending(run('1'), 0);
    expect(placement.obstacle('1')).toBeUndefined();
  });

  test('a review names the waiting Runs whose obstacle changed, once', () => {
    const placement = bash();
    placement.setPending(run('1'), 0);
    placement.setPending(run('2'), 0);
    expect(placement.reviewObstacles(RUNTIME)).toEqual([]);
    placement.setPod(pod('a', {capacity: {runs: 1}}));
    place(placement);
    expect(placement.reviewObstacles(RUNTIME)).toEqual(['2']);
    expect(placement.reviewObstacles(RUNTIME)).toEqual([]);
  });

  test('a large Run is not overtaken for ever', () => {
    const placement = bash(pod('a'));
    for (const uid of ['1', '2']) placement.setReserved(run(uid), 'a');
    placement.setPending(run('large', {requests: {runs: 2}}), 0);
    const small = (uid: string) => placement.setPending(run(uid, {queuedAt: 1}), 0);
    small('3');
    placement.deleteRun('1');
    expect(place(placement, 1_000)).toEqual(['3>a']);
    small('4');
    placement.deleteRun('2');
    expect(place(placement, 30_000)).toEqual([]);
    placement.deleteRun('3');
    expect(place(placement, 30_000)).toEqual(['large>a']);
    placement.deleteRun('large');
    expect(place(placement, 30_000)).toEqual(['4>a']);
  });

  test('the Pod kept for an overtaken Run is open to a Run that goes before it anyway', () => {
    const placement = bash(pod('a'));
    for (const uid of ['1', '2']) placement.setReserved(run(uid), 'a');
    placement.setPending(run('large', {requests: {runs: 2}}), 0);
    placement.setPending(run('small', {queuedAt: 1}), 0);
    placement.deleteRun('1');
    expect(place(placement, 30_000)).toEqual([]);
    placement.setPending(run('urgent', {priority: 1}), 30_000);
    expect(place(placement, 30_000)).toEqual(['urgent>a']);
    placement.deleteRun('large');
    placement.deleteRun('2');
    expect(place(placement, 30_000)).toEqual(['small>a']);
  });

  test('forgets everything that is gone', () => {
    const placement = bash(pod('a'));
    placement.setPending(run('1'), 0);
    placement.setPending(run('2', {requests: {runs: 2}}), 0);
    place(placement);
    placement.deleteRuntime(RUNTIME);
    placement.deletePod('a');
    placement.deleteRun('1');
    placement.deleteRun('2');
    expect(placement.sizes).toEqual({runtimes: 0, pods: 0, runs: 0});
  });
});
