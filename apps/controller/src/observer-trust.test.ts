import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {ObserverTrust, observerSeemsAtFault} from './observer-trust.ts';

describe('observerSeemsAtFault', () => {
  test.each([
    [0, 0, false],
    [1, 1, false],
    [2, 2, false],
    [3, 3, true],
    [3, 8, true],
    [3, 9, false],
    [4, 9, true],
    [33, 99, false],
    [34, 99, true],
  ])('%i of %i expired: %s', (expired, total, atFault) => {
    expect(observerSeemsAtFault(expired, total)).toBe(atFault);
  });
});

describe('ObserverTrust', () => {
  test('single Leases that expire are believed', () => {
    const trust = new ObserverTrust(40_000);
    trust.counted(2, 2);
    expect(trust.trusts).toBe(true);
  });

  test('after doubt, nothing is believed before the API server has answered for a whole period', () => {
    const trust = new ObserverTrust(40_000);
    trust.counted(5, 10);
    expect(trust.trusts).toBe(false);
    trust.answered(5, 10, 1_000);
    trust.counted(1, 10);
    trust.answered(1, 10, 40_999);
    expect(trust.trusts).toBe(false);
    trust.answered(1, 10, 41_000);
    expect(trust.trusts).toBe(true);
  });

  test('a read that fails starts the period anew', () => {
    const trust = new ObserverTrust(40_000);
    trust.counted(5, 10);
    trust.answered(5, 10, 0);
    trust.unanswered();
    trust.answered(5, 10, 39_000);
    trust.answered(5, 10, 78_999);
    expect(trust.trusts).toBe(false);
    trust.answered(5, 10, 79_000);
    expect(trust.trusts).toBe(true);
  });

  test('Leases that are really gone do not raise the same doubt again, but a later failure does', () => {
    const trust = new ObserverTrust(40_000);
    trust.counted(5, 10);
    trust.answered(5, 10, 0);
    trust.answered(5, 10, 40_000);
    trust.counted(6, 10);
    expect(trust.trusts).toBe(true);
    trust.counted(0, 4);
    trust.counted(4, 4);
    expect(trust.trusts).toBe(false);
  });

  test('whatever happens, doubt ends only a full period of answers after it began', () => {
    const event = fc.oneof(
      fc.record({kind: fc.constant('counted' as const), expired: fc.nat(12)}),
      fc.record({kind: fc.constant('answered' as const), expired: fc.nat(12)}),
      fc.record({kind: fc.constant('unanswered' as const)}),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(event, fc.nat(20))), (events) => {
        const trust = new ObserverTrust(40);
        let now = 0;
        let answeredSince: number | undefined;
        for (const [next, wait] of events) {
          now += wait;
          const before = trust.trusts;
          if (next.kind === 'counted') trust.counted(next.expired, 12);
          else if (next.kind === 'answered') trust.answered(next.expired, 12, now);
          else trust.unanswered();
          if (next.kind === 'unanswered' || (before && !trust.trusts)) answeredSince = undefined;
          if (next.kind === 'answered' && !before) answeredSince ??= now;
          if (!before && trust.trusts && now - (answeredSince ?? now) < 40)
            throw new Error(`trusts too early, at ${now}`);
        }
      }),
    );
  });
});
