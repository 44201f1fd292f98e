import {beforeEach, describe, expect, test} from '@jest/globals';
import {ApiError, silentLogger} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import type {Pod} from 'kubernetes-types/core/v1.d.ts';
import {Drain, type DrainAnswer} from './drain.ts';

const pod = {name: 'bash-0', namespace: 'n', uid: 'u'};
const never = new AbortController().signal;

function podObject(graceSeconds?: number, uid = pod.uid): Pod {
  const going = graceSeconds !== undefined && {
    deletionTimestamp: '2026-01-01T00:00:00Z',
    deletionGracePeriodSeconds: graceSeconds,
  };
  return {metadata: {...pod, uid, ...going}};
}

let clock: ManualClock;
let calls: string[];
/** What the API server says of the Pod. */
let stored: () => Pod;
let reads: number;
let running: PromiseWithResolvers<void>;
let drain: Drain;

beforeEach(() => {
  clock = new ManualClock();
  calls = [];
  stored = () => podObject();
  reads = 0;
  running = Promise.withResolvers();
  drain = new Drain({
    pods: {
      get: async () => {
        reads++;
        return stored();
      },
    },
    pod,
    runs: {
      size: 1,
      refuseNew: (reason) => void calls.push(`refuseNew ${reason}`),
      refuse: (reason) => void calls.push(`refuse ${reason}`),
      finished: () => running.promise,
    },
    runsKnown: Promise.resolve(),
    onBegun: () => void calls.push('begun'),
    clock,
    logger: silentLogger,
  });
});

/** Moves time on until there is an answer. */
async function answered(answer: Promise<DrainAnswer>): Promise<DrainAnswer> {
  let result: DrainAnswer | undefined;
  void answer.then((value) => {
    result = value;
  });
  while (result === undefined) await clock.advance(100);
  return result;
}

describe('Drain', () => {
  test('refuses a Pod that nobody deletes, and leaves its Runs alone', async () => {
    expect(await drain.requested(never)).toEqual({
      status: 409,
      message: 'Pod n/bash-0 is not being deleted, and only a Pod that is may be drained: delete the Pod',
    });
    expect([calls, drain.begun]).toEqual([[], false]);
  });

  test('answers when the Runs have ended', async () => {
    stored = () => podObject(30);
    const answer = drain.requested(never);
    await clock.advance(16_000);
    expect(calls).toEqual(['refuseNew PodTerminating', 'begun']);
    running.resolve();
    expect(await answer).toEqual({status: 200, message: 'all Runs have ended'});
    expect(reads).toBe(1);
  });

  test.each([
    [30, 17_000],
    [600, 587_000],
    [10, 5_000],
  ])('of %d s of grace leaves Runs alone for %d ms, then gives them back', async (graceSeconds, ms) => {
    stored = () => podObject(graceSeconds);
    const answer = drain.requested(never);
    await clock.advance(ms - 1);
    expect(calls).toEqual(['refuseNew PodTerminating', 'begun']);
    await clock.advance(1);
    expect(calls).toEqual(['refuseNew PodTerminating', 'begun', 'refuse PodTerminating']);
    running.resolve();
    expect(await answer).toEqual({status: 200, message: 'what had not ended in time was given back'});
  });

  test('answers before the grace period is over, whatever does not end', async () => {
    stored = () => podObject(30);
    const answer = drain.requested(never);
    await clock.advance(29_000);
    expect(await answer).toEqual({
      status: 200,
      message: 'the grace period is over; attempts that have not ended: 1',
    });
  });

  test('begins without a question when the watch tells, and a question then costs nothing', async () => {
    drain.observe(podObject());
    expect(drain.begun).toBe(false);
    drain.observe(podObject(30, 'another'));
    expect(drain.begun).toBe(false);
    drain.observe(podObject(30));
    expect(calls).toEqual(['refuseNew PodTerminating', 'begun']);
    running.resolve();
    expect((await drain.requested(never)).status).toBe(200);
    expect(reads).toBe(0);
  });

  test('takes a shorter grace period, never a longer one', async () => {
    drain.observe(podObject(600));
    drain.observe(podObject(6000));
    await clock.advance(100_000);
    drain.observe(podObject(40));
    await clock.advance(27_000);
    expect(calls).toContain('refuse PodTerminating');
    drain.observe(podObject(600));
    await clock.advance(600_000);
    expect(calls).toHaveLength(3);
  });

  test.each<[string, () => Pod]>([
    [
      'gone',
      () => {
        throw new ApiError({status: 404});
      },
    ],
    ['replaced', () => podObject(undefined, 'another')],
  ])('a Pod that is %s has no time left', async (_, answer) => {
    stored = answer;
    running.resolve();
    expect((await answered(drain.requested(never))).status).toBe(200);
    expect(calls).toContain('refuse PodTerminating');
  });

  test('asks again while the API server is away, and says so when that does not help', async () => {
    let away = 3;
    stored = () => {
      if (away-- > 0) throw new ApiError({status: 503});
      return podObject(30);
    };
    running.resolve();
    expect((await answered(drain.requested(never))).status).toBe(200);
    expect(reads).toBe(4);
  });

  test('gives up on an API server that stays away, unless the watch has told meanwhile', async () => {
    stored = () => {
      throw new ApiError({status: 503});
    };
    const {status, message} = await answered(drain.requested(never));
    expect([status, message]).toEqual([503, expect.stringContaining('could not be found out')]);
    const second = drain.requested(never);
    await clock.advance(1_000);
    drain.observe(podObject(30));
    running.resolve();
    expect((await second).status).toBe(200);
  });

  test('many who ask at once cost two reads, and each is answered by one that was made after it asked', async () => {
    const first = drain.requested(never);
    await clock.advance(0);
    expect(reads).toBe(1);
    stored = () => podObject(30);
    running.resolve();
    const others = Array.from({length: 100}, () => drain.requested(never));
    expect((await first).status).toBe(409);
    expect(await Promise.all([answered(others[0]!), ...others])).toEqual(
      Array.from({length: 101}, () => expect.objectContaining({status: 200})),
    );
    expect(reads).toBe(2);
  });

  test('waits for the Runs that were bound before this process began', async () => {
    const known = Promise.withResolvers<void>();
    let answer: DrainAnswer | undefined;
    const starting = new Drain({
      pods: {get: async () => podObject(30)},
      pod,
      runs: {size: 0, refuseNew: () => {}, refuse: () => {}, finished: async () => {}},
      runsKnown: known.promise,
      onBegun: () => {},
      clock,
      logger: silentLogger,
    });
    void starting.requested(never).then((value) => {
      answer = value;
    });
    await clock.advance(10_000);
    expect(answer).toBeUndefined();
    known.resolve();
    await clock.advance(0);
    expect(answer).toEqual({status: 200, message: 'all Runs have ended'});
  });
});
