import {describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {MASTERS} from '../auth/user-info.ts';
import {StatusError} from '../errors/status-error.ts';
import {ManualClock} from '../manual-clock.fixture.ts';
import {BodyBudget} from './body-budget.ts';
import {FlowControl, type FlowControlOptions, type Release} from './flow-control.ts';

fc.configureGlobal({seed: 17});

/** What became of a request. */
interface Asked {
  state: 'waiting' | 'running' | 'refused' | 'done';
  refusal?: unknown;
  done(): void;
  abort(): void;
}

class Harness {
  readonly clock = new ManualClock();
  readonly #control: FlowControl;

  constructor(options: FlowControlOptions = {}) {
    this.#control = new FlowControl({clock: this.clock, ...options});
  }

  ask(username: string, {isWrite = false, groups = ['system:authenticated']} = {}): Asked {
    const controller = new AbortController();
    let release: Release | undefined;
    const asked: Asked = {
      state: 'waiting',
      done: () => {
        asked.state = 'done';
        release?.();
      },
      abort: () => controller.abort(),
    };
    this.#control.admit({user: {username, groups}, isWrite, signal: controller.signal}).then(
      (given) => {
        release = given;
        asked.state = 'running';
      },
      (error: unknown) => {
        asked.refusal = error;
        asked.state = 'refused';
      },
    );
    return asked;
  }
}

/** Lets what was resolved go on. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

async function states(...asked: Asked[]): Promise<string> {
  await settle();
  return asked.map(({state}) => state).join(' ');
}

describe('flow control', () => {
  test('so many requests run, the others wait for their turn', async () => {
    const harness = new Harness({concurrency: 2, concurrencyPerFlow: 2});
    const [a, b, c] = [harness.ask('a'), harness.ask('a'), harness.ask('a')];
    expect(await states(a, b, c)).toBe('running running waiting');
    b.done();
    b.done();
    expect(await states(a, b, c)).toBe('running done running');
    expect(harness.clock.pending).toBe(0);
  });

  test('one flow leaves room for others; reads and writes of a user are two', async () => {
    const harness = new Harness({concurrency: 4, concurrencyPerFlow: 2});
    const greedy = [1, 2, 3].map(() => harness.ask('greedy', {isWrite: true}));
    expect(await states(...greedy)).toBe('running running waiting');
    expect(await states(harness.ask('other'), harness.ask('greedy'))).toBe('running running');
  });

  test('flows take turns', async () => {
    const harness = new Harness({concurrency: 1, concurrencyPerFlow: 1});
    const first = harness.ask('x');
    const many = [1, 2, 3].map(() => harness.ask('many'));
    const few = harness.ask('few');
    expect(await states(first, ...many, few)).toBe('running waiting waiting waiting waiting');
    first.done();
    expect(await states(...many, few)).toBe('running waiting waiting waiting');
    many[0]!.done();
    expect(await states(...many, few)).toBe('done waiting waiting running');
    few.done();
    expect(await states(...many)).toBe('done running waiting');
  });

  test('queues are bounded', async () => {
    const harness = new Harness({concurrency: 1, concurrencyPerFlow: 1, queueLength: 2, queuedTotal: 3});
    const asked = [1, 2, 3, 4].map(() => harness.ask('a'));
    expect(await states(...asked)).toBe('running waiting waiting refused');
    expect(asked[3]!.refusal).toBeInstanceOf(StatusError);
    expect(asked[3]!.refusal).toMatchObject({code: 429, details: {retryAfterSeconds: 1}});
    expect(await states(harness.ask('b'), harness.ask('c'))).toBe('waiting refused');
  });

  test('who waits too long, or is gone, is out', async () => {
    const harness = new Harness({concurrency: 1, waitMs: 1_000});
    const [running, slow, gone, next] = [harness.ask('a'), harness.ask('a'), harness.ask('a'), harness.ask('b')];
    gone.abort();
    harness.clock.advance(999);
    expect(await states(running, slow, gone, next)).toBe('running waiting refused waiting');
    harness.clock.advance(1);
    expect(await states(running, slow, gone, next)).toBe('running refused refused refused');
    expect(harness.clock.pending).toBe(0);
    running.done();
    expect(await states(harness.ask('b'))).toBe('running');
  });

  test('administrators do not wait', async () => {
    const harness = new Harness({concurrency: 1, queueLength: 0});
    expect(await states(harness.ask('a'), harness.ask('a'))).toBe('running refused');
    const groups = [MASTERS];
    expect(await states(harness.ask('admin', {groups}), harness.ask('admin', {groups}))).toBe('running running');
  });

  test('whatever happens, the bounds hold, and nobody waits while there is room', async () => {
    const step = fc.oneof(
      fc.record({do: fc.constant('ask' as const), user: fc.constantFrom('a', 'b', 'c')}),
      fc.record({do: fc.constantFrom('done' as const, 'abort' as const), index: fc.nat(30)}),
      fc.record({do: fc.constant('advance' as const), ms: fc.nat(40)}),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, {maxLength: 60}), async (steps) => {
        const harness = new Harness({
          concurrency: 3,
          concurrencyPerFlow: 2,
          queueLength: 3,
          queuedTotal: 5,
          waitMs: 100,
        });
        const asked: {user: string; asked: Asked}[] = [];
        for (const each of steps) {
          if (each.do === 'ask') asked.push({user: each.user, asked: harness.ask(each.user)});
          else if (each.do === 'advance') harness.clock.advance(each.ms);
          else if (asked.length > 0) {
            const {asked: one} = asked[each.index % asked.length]!;
            if (each.do === 'abort') one.abort();
            else if (one.state === 'running') one.done();
          }
          await settle();
          const of = (state: Asked['state'], user?: string) =>
            asked.filter((one) => one.asked.state === state && (user === undefined || one.user === user)).length;
          expect(of('running')).toBeLessThanOrEqual(3);
          expect(of('waiting')).toBeLessThanOrEqual(5);
          for (const user of ['a', 'b', 'c']) {
            expect(of('running', user)).toBeLessThanOrEqual(2);
            expect(of('waiting', user)).toBeLessThanOrEqual(3);
            const hasRoom = of('running') < 3 && of('running', user) < 2;
            expect(hasRoom && of('waiting', user) > 0).toBe(false);
          }
        }
      }),
      {numRuns: 200},
    );
  });
});

describe('the budget of bodies', () => {
  const KIB = 1024;

  test('is shared, and given back', () => {
    const budget = new BodyBudget(400 * KIB);
    const large = ['a', 'b', 'c', 'd'].map((user) => budget.share(user));
    expect(large.map((share) => share.take(164 * KIB))).toEqual([true, true, true, true]);
    expect(budget.share('e').take(65 * KIB)).toBe(false);
    large[0]!.end();
    large[0]!.end();
    expect(budget.share('e').take(164 * KIB)).toBe(true);
  });

  test('leaves something for others, and small bodies do not need it', () => {
    const budget = new BodyBudget(400 * KIB);
    const [one, two] = [budget.share('a'), budget.share('a')];
    expect([one.take(100 * KIB), one.take(64 * KIB), one.take(1)]).toEqual([true, true, false]);
    expect([two.take(64 * KIB), two.take(1)]).toEqual([true, false]);
    expect(budget.share('b').take(164 * KIB)).toBe(true);
  });
});
