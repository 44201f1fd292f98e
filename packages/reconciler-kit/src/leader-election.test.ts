import {beforeEach, describe, expect, test} from '@jest/globals';
import {LeaderElector, type LeaderElectorOptions} from './leader-election.ts';
import {type Fault, LeaseServer} from './lease-server.fixture.ts';
import {Metrics} from './metrics.ts';
import {ManualClock} from './testing/manual-clock.ts';

let clock: ManualClock;
let server: LeaseServer;
beforeEach(() => {
  clock = new ManualClock();
  server = new LeaseServer(clock);
});

function candidate(identity: string, options: Partial<LeaderElectorOptions> = {}) {
  const elector = new LeaderElector({
    client: server.source,
    namespace: 'ns',
    name: 'lock',
    identity,
    clock,
    random: () => 0,
    ...options,
  });
  const abort = new AbortController();
  const log: string[] = [];
  let error: unknown;
  const start = () =>
    elector
      .run(
        {
          onStartedLeading: (signal) => {
            log.push('started');
            signal.addEventListener('abort', () => log.push('aborted'));
          },
          onStoppedLeading: () => log.push('stopped'),
          onNewLeader: (leader) => log.push(`leader ${leader}`),
        },
        abort.signal,
      )
      .catch((reason: unknown) => {
        error = reason;
      });
  return {elector, abort, log, start, error: () => error};
}

describe('LeaderElector', () => {
  test('takes a Lease that does not exist, and renews it every retry period', async () => {
    const {elector, log, start} = candidate('a');
    void start();
    await clock.advance(0);
    expect(elector.isLeader).toBe(true);
    expect(log).toEqual(['leader a', 'started']);
    expect(server.lease?.spec).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    server.requests = 0;
    await clock.advance(20_000);
    // One write each, without reading first.
    expect(server.requests).toBe(10);
    expect(server.lease?.spec).toMatchObject({
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:20.000000Z',
    });
  });

  test('takes over when it saw no renewal for the duration by its own clock, whatever times the Lease says', async () => {
    await server.leases.create({
      metadata: {name: 'lock', namespace: 'ns'},
      spec: {
        holderIdentity: 'dead',
        leaseDurationSeconds: 30,
        renewTime: '1999-01-01T00:00:00.000000Z',
        leaseTransitions: 4,
      },
    });
    const {elector, log, start} = candidate('a');
    void start();
    await clock.advance(29_000);
    expect(elector.isLeader).toBe(false);
    expect(elector.leader).toBe('dead');
    await clock.advance(3_000);
    expect(elector.isLeader).toBe(true);
    expect(server.lease?.spec?.leaseTransitions).toBe(5);
    expect(log).toEqual(['leader dead', 'leader a', 'started']);
  });

  test('a leader that stops hands the Lease back after its work has ended', async () => {
    const abort = new AbortController();
    const work = Promise.withResolvers<void>();
    const elector = new LeaderElector({
      client: server.source,
      namespace: 'ns',
      name: 'lock',
      identity: 'a',
      clock,
      random: () => 0,
    });
    const run = elector.run({onStartedLeading: () => work.promise}, abort.signal);
    const next = candidate('b');
    await clock.advance(0);
    void next.start();
    abort.abort();
    await clock.advance(60_000);
    // It still works, so it still renews.
    expect(elector.isLeader).toBe(true);
    expect(next.elector.isLeader).toBe(false);
    work.resolve();
    await clock.advance(0);
    await run;
    expect(elector.isLeader).toBe(false);
    expect(server.lease?.spec).toMatchObject({holderIdentity: '', leaseDurationSeconds: 1});
    await clock.advance(2_000);
    expect(next.elector.isLeader).toBe(true);
  });

  test('hands back a Lease that it got while it was told to stop', async () => {
    server.network = () => ({thereMs: 10, backMs: 500, fault: 'none'});
    const {abort, log, start} = candidate('a');
    const run = start();
    await clock.advance(100);
    expect(server.lease?.spec?.holderIdentity).toBe('a');
    abort.abort();
    await clock.advance(2_000);
    await run;
    expect(log).toEqual(['leader a']);
    expect(server.lease?.spec?.holderIdentity).toBe('');
  });

  test('keeps the Lease when told to', async () => {
    const {abort, start} = candidate('a', {releaseOnCancel: false});
    const run = start();
    await clock.advance(0);
    abort.abort();
    await clock.advance(0);
    await run;
    expect(server.lease?.spec?.holderIdentity).toBe('a');
  });

  test.each<Fault>(['refused', 'hangs', 'answer lost'])(
    'gives up at the renew deadline when each request is: %s',
    async (fault) => {
      const {elector, error, log, start} = candidate('a');
      void start();
      await clock.advance(2_000);
      server.network = () => ({thereMs: 0, backMs: 0, fault});
      await clock.advance(9_999);
      expect(elector.isLeader).toBe(true);
      await clock.advance(1);
      expect(elector.isLeader).toBe(false);
      expect(error()).toMatchObject({code: 'LEADERSHIP_LOST'});
      expect(log).toEqual(['leader a', 'started', 'aborted', 'stopped']);
    },
  );

  test('counts the renew deadline from before a renewal was sent, since the answer may be slow', async () => {
    const {elector, start} = candidate('a');
    void start();
    await clock.advance(0);
    server.network = () => ({thereMs: 0, backMs: 4_000, fault: 'none'});
    await clock.advance(2_001);
    server.network = () => ({thereMs: 0, backMs: 0, fault: 'refused'});
    await clock.advance(9_998);
    expect(elector.isLeader).toBe(true);
    await clock.advance(1);
    expect(elector.isLeader).toBe(false);
  });

  test('survives failures that are shorter than the renew deadline', async () => {
    const {elector, error, start} = candidate('a');
    void start();
    await clock.advance(2_000);
    server.network = () => ({thereMs: 0, backMs: 0, fault: 'hangs'});
    await clock.advance(7_000);
    server.network = () => ({thereMs: 0, backMs: 0, fault: 'none'});
    await clock.advance(60_000);
    expect(elector.isLeader).toBe(true);
    expect(error()).toBeUndefined();
  });

  test('gives up at once when it sees another holder', async () => {
    const {elector, error, start} = candidate('a');
    void start();
    await clock.advance(0);
    const lease = await server.leases.get('lock');
    await server.leases.update({...lease, spec: {...lease.spec, holderIdentity: 'thief'}});
    await clock.advance(2_000);
    expect(elector.isLeader).toBe(false);
    expect(error()).toMatchObject({code: 'LEADERSHIP_LOST', message: expect.stringContaining('thief')});
  });

  test('writes a deleted Lease again', async () => {
    const {elector, start} = candidate('a');
    void start();
    await clock.advance(0);
    server.lease = undefined;
    await clock.advance(2_000);
    expect(elector.isLeader).toBe(true);
    expect(server.lease).toBeDefined();
  });

  test('a failure of the work ends the run and hands the Lease back', async () => {
    const elector = new LeaderElector({client: server.source, namespace: 'ns', name: 'lock', identity: 'a', clock});
    const failure = new Error('work failed');
    const run = elector.run({onStartedLeading: () => Promise.reject(failure)}, new AbortController().signal);
    const ended = run.catch((error: unknown) => error);
    await clock.advance(2_000);
    expect(await ended).toBe(failure);
    expect(server.lease?.spec?.holderIdentity).toBe('');
  });

  test('candidates wait between one and 2.2 retry periods', async () => {
    const eager = candidate('eager', {random: () => 0});
    const lazy = candidate('lazy', {random: () => 1});
    server.network = () => ({thereMs: 0, backMs: 0, fault: 'refused'});
    const requests = async (start: () => Promise<void>) => {
      server.requests = 0;
      void start();
      await clock.advance(43_999);
      return server.requests;
    };
    expect(await requests(eager.start)).toBe(22);
    eager.abort.abort();
    expect(await requests(lazy.start)).toBe(10);
  });

  test('refuses durations that could make two leaders', () => {
    const bad: Partial<LeaderElectorOptions>[] = [
      {renewDeadlineMs: 15_000},
      {retryPeriodMs: 9_000},
      {leaseDurationMs: 500, renewDeadlineMs: 300, retryPeriodMs: 100},
      {identity: ''},
    ];
    for (const options of bad) {
      expect(() => new LeaderElector({client: server.source, namespace: 'ns', name: 'lock', ...options})).toThrow(
        expect.objectContaining({code: 'INVALID_ARGUMENT'}),
      );
    }
  });

  test('shows in metrics and health whether it leads', async () => {
    const metrics = new Metrics();
    const {elector, start} = candidate('a', {metrics});
    const healthy = elector.healthCheck();
    expect(await metrics.text()).toContain('leader_election_master_status{name="lock"} 0');
    expect(await metrics.text()).toContain('leader_election_slowpath_total{name="lock"} 0');
    void start();
    await clock.advance(0);
    expect(await metrics.text()).toContain('leader_election_master_status{name="lock"} 1');
    expect(() => healthy(new AbortController().signal)).not.toThrow();
  });
});
