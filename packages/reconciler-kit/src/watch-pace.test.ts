import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {Backoff, ResumePace} from './watch-pace.ts';

describe('Backoff', () => {
  test('doubles from 800 ms to 30 s, begins again after a reset', () => {
    const backoff = new Backoff(() => 1);
    expect(Array.from({length: 8}, () => backoff.next())).toEqual([
      800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
    ]);
    backoff.reset();
    expect(backoff.next()).toBe(800);
  });

  test('spreads over the whole range, but never below 50 ms nor below what the server asks', () => {
    expect(new Backoff(() => 0).next()).toBe(50);
    expect(new Backoff(() => 0.5).next()).toBe(400);
    expect(new Backoff(() => 0).next(2000)).toBe(2000);
  });
});

describe('ResumePace', () => {
  const cut = {lifetimeMs: 200, empty: true};

  test('a watch that brought something or lasted is resumed at once, however often', () => {
    const pace = new ResumePace(() => 1);
    for (let i = 0; i < 100; i++) {
      expect(pace.next({lifetimeMs: 0, empty: false})).toBe(0);
      expect(pace.next({lifetimeMs: 1000, empty: true})).toBe(0);
    }
  });

  test('one event makes up for a row of empty watches', () => {
    const pace = new ResumePace(() => 1);
    for (let i = 0; i < 50; i++) pace.next(cut);
    expect(pace.next(cut)).toBeGreaterThan(1000);
    expect(pace.next({lifetimeMs: 200, empty: false})).toBe(0);
    expect(pace.next(cut)).toBe(0);
  });

  test('empty watches cut every 200 ms do not slow down before the fifth, and never below one in five seconds', () => {
    const pace = new ResumePace(() => 1);
    const pauses = Array.from({length: 30}, () => pace.next(cut));
    expect(pauses.slice(0, 4)).toEqual([0, 0, 0, 0]);
    expect(Math.max(...pauses)).toBe(4800);
  });

  test('a server that closes at once is asked a bounded number of times', () => {
    fc.assert(
      fc.property(fc.float({min: 0, max: Math.fround(0.999), noNaN: true}), fc.nat(999), (random, lifetimeMs) => {
        const pace = new ResumePace(() => random);
        let elapsedMs = 0;
        let watches = 0;
        while (elapsedMs < 60_000) {
          elapsedMs += lifetimeMs + pace.next({lifetimeMs, empty: true});
          watches++;
        }
        expect(watches).toBeLessThanOrEqual(Math.max(45, 60_000 / Math.max(lifetimeMs, 1)));
        expect(watches).toBeLessThanOrEqual(60);
      }),
    );
  });
});
