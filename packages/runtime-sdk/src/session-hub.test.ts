import {Buffer} from 'node:buffer';
import {describe, expect, test} from '@jest/globals';
import {Status} from 'nice-grpc-common';
import {eventsOf, FakeSession, fakeExecutor} from './executor.fixture.ts';
import {settle} from './manual-clock.fixture.ts';

const KiB = 1024;

/** An executor with executions that run. */
async function running(...ids: string[]) {
  const fake = fakeExecutor();
  for (const id of ids) fake.execute(id);
  await settle();
  const connect = async (windowBytes = 64 * KiB): Promise<FakeSession> => {
    const session = new FakeSession(fake.hub, windowBytes);
    await settle();
    return session;
  };
  const write = async (id: string, bytes: number): Promise<void> => {
    fake.supervisor.of(id).stdout.write(Buffer.alloc(bytes, id));
    await settle();
  };
  return {...fake, connect, write};
}

/** Output bytes of an execution that a session got. */
function received(session: FakeSession, id: string): number {
  return session.responses.reduce(
    (sum, {kind}) => sum + (kind?.$case === 'output' && kind.value.id === id ? kind.value.data.length : 0),
    0,
  );
}

describe('a session', () => {
  test('tells what executions do, in order, the end last', async () => {
    const {execute, supervisor, connect, clock} = await running();
    const session = await connect();
    expect(session.responses).toEqual([{kind: {$case: 'opened', value: {}}}]);
    execute('a');
    await settle();
    supervisor.of('a').stdout.write('out');
    await settle();
    supervisor.of('a').stderr.write('err');
    await settle();
    supervisor.of('a').finish({exitCode: 3});
    await settle();
    expect(eventsOf('a', session.responses)).toEqual(['1 running', '2 stdout@0 out', '3 stderr@0 err', '4 exited 3']);
    expect(session.responses.at(-1)?.kind).toEqual({
      $case: 'state',
      value: {
        id: 'a',
        sequence: 4n,
        state: 4,
        exitCode: 3,
        signal: '',
        errorMessage: 'the program exited with code 3',
        timeUnixNano: BigInt(clock.now()) * 1_000_000n,
        stdoutBytes: 3n,
        stderrBytes: 3n,
        truncatedBytes: 0n,
        usage: undefined,
        endReason: 1,
      },
    });
  });

  test('answers each Ping', async () => {
    const {connect} = await running();
    const session = await connect();
    session.send({kind: {$case: 'ping', value: {}}});
    session.send({kind: {$case: 'ping', value: {}}});
    await settle();
    expect(session.responses.map(({kind}) => kind?.$case)).toEqual(['opened', 'pong', 'pong']);
  });

  test('everything that is heard counts as a sign of life', async () => {
    const {connect, clock, supervisor} = await running('a');
    const session = await connect();
    for (let minute = 0; minute < 10; minute++) {
      await clock.advance(60_000);
      session.send({kind: {$case: 'ping', value: {}}});
    }
    await settle();
    expect(supervisor.of('a').ends).toEqual([]);
  });

  test('begins with Open, which comes once', async () => {
    const {hub, connect} = await running();
    const wrong = hub.serve(
      (async function* () {
        yield {kind: {$case: 'ping' as const, value: {}}};
      })(),
      new AbortController().signal,
    );
    await expect(wrong.next()).rejects.toMatchObject({code: Status.INVALID_ARGUMENT});
    const twice = await connect();
    twice.send({kind: {$case: 'open', value: {windowBytes: 0}}});
    await expect(twice.ended).rejects.toMatchObject({code: Status.INVALID_ARGUMENT});
  });

  test('ends when the daemon ends its half', async () => {
    const {connect} = await running();
    const session = await connect();
    session.close();
    await expect(session.ended).resolves.toBeUndefined();
  });

  test('gives way to a newer one', async () => {
    const {connect, write} = await running('a');
    const older = await connect();
    const newer = await connect();
    await expect(older.ended).rejects.toMatchObject({code: Status.ABORTED});
    older.ack('a', 1n);
    await write('a', 3);
    expect(eventsOf('a', newer.responses)).toEqual(['1 running', '2 stdout@0 aaa']);
  });

  test('executions take turns', async () => {
    const {connect, write} = await running('a', 'b');
    await write('a', 300 * KiB);
    await write('b', 300 * KiB);
    const session = await connect(1024 * KiB);
    const order = session.responses.flatMap(({kind}) => (kind?.$case === 'output' ? [kind.value.id] : []));
    expect(order.slice(0, 6)).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  });
});

describe('acknowledgements', () => {
  test('after a reconnect, exactly what was not acknowledged comes again', async () => {
    const {connect, write, supervisor} = await running('a', 'b');
    const first = await connect();
    await write('a', 3);
    await write('b', 3);
    first.ack('a', 1n);
    first.ack('a', 1n);
    first.ack('unknown', 1n);
    first.ack('b', 2n);
    await settle();
    first.break();
    await settle();
    supervisor.of('b').finish({exitCode: 0});
    const second = await connect();
    expect(eventsOf('a', second.responses)).toEqual(['2 stdout@0 aaa']);
    expect(eventsOf('b', second.responses)).toEqual(['3 exited 0']);
  });

  test('of what was not sent yet mean nothing', async () => {
    const {connect, write} = await running('a');
    const first = await connect();
    first.ack('a', 100n);
    await settle();
    await write('a', 3);
    const second = await connect();
    expect(eventsOf('a', second.responses)).toEqual(['2 stdout@0 aaa']);
  });

  test('a forgotten execution is not told about any more', async () => {
    const {connect, supervisor, executor} = await running('a');
    supervisor.of('a').finish({exitCode: 0});
    await settle();
    executor.forget({id: 'a'});
    const session = await connect();
    expect(eventsOf('a', session.responses)).toEqual([]);
  });
});

describe('back-pressure', () => {
  test('a full window stops the reading of that program alone, and an acknowledgement lets it go on', async () => {
    const {connect, write} = await running('a', 'b');
    const session = await connect();
    for (let chunk = 0; chunk < 20; chunk++) await write('a', 16 * KiB);
    expect(received(session, 'a')).toBe(64 * KiB);
    await write('b', 1_000);
    expect(received(session, 'b')).toBe(1_000);
    const last = session.responses.findLast(({kind}) => kind?.$case === 'output' && kind.value.id === 'a');
    session.ack('a', last?.kind?.$case === 'output' ? last.kind.value.sequence : 0n);
    await settle();
    expect(received(session, 'a')).toBeGreaterThanOrEqual(128 * KiB);
    expect(received(session, 'a')).toBeLessThan(200 * KiB);
  });

  test('holds a program for a while after the session was lost, so that nothing is', async () => {
    const {connect, write, clock, executor} = await running('a');
    const first = await connect();
    first.break();
    await settle();
    for (let chunk = 0; chunk < 20; chunk++) await write('a', 16 * KiB);
    expect(executor.status({id: 'a'}).stdout.length).toBeLessThan(70 * KiB);
    await clock.advance(29_000);
    const second = await connect(1024 * KiB);
    expect(received(second, 'a')).toBe(320 * KiB);
  });

  test('then lets it run on: what is beyond the window is left out of events, and counted', async () => {
    const {connect, write, clock, supervisor} = await running('a');
    const first = await connect();
    first.break();
    await settle();
    for (let chunk = 0; chunk < 20; chunk++) await write('a', 16 * KiB);
    await clock.advance(30_000);
    supervisor.of('a').finish({exitCode: 0});
    await settle();
    const second = await connect();
    expect(eventsOf('a', second.responses)).toEqual([
      '1 running',
      '2 stdout@0 16384 bytes',
      '3 stdout@16384 16384 bytes',
      '4 stdout@32768 16384 bytes',
      '5 stdout@49152 16384 bytes',
      '6 stdout@325632 2048 bytes',
      '7 exited 0',
    ]);
    const end = second.responses.at(-1)?.kind;
    expect(end).toMatchObject({value: {stdoutBytes: 327_680n, truncatedBytes: 327_680n - 65_536n - 2_048n}});
  });

  test('where no daemon ever had a session, a program is never held', async () => {
    const {write, status} = await running('a');
    for (let chunk = 0; chunk < 100; chunk++) await write('a', 64 * KiB);
    expect(status('a').stdout).toContain('bytes truncated');
  });

  test('the end of a program does not wait for acknowledgements', async () => {
    const {connect, write, supervisor} = await running('a');
    const session = await connect();
    for (let chunk = 0; chunk < 8; chunk++) await write('a', 16 * KiB);
    supervisor.of('a').finish({exitCode: 0});
    await settle();
    expect(eventsOf('a', session.responses).at(-1)).toBe('10 exited 0');
    expect(received(session, 'a')).toBe(128 * KiB);
  });

  test('a window of 0 is the default, and others have bounds', async () => {
    const {connect, hub} = await running();
    const windows = [];
    for (const windowBytes of [0, 1, 100_000, 2 ** 32 - 1]) {
      await connect(windowBytes);
      windows.push(hub.windowBytes);
    }
    expect(windows).toEqual([1024 * KiB, 64 * KiB, 100_000, 64 * 1024 * KiB]);
  });
});

describe('limits', () => {
  test('output beyond the limit is counted, and its end is sent', async () => {
    const {execute, supervisor, hub} = fakeExecutor({maxOutputBytes: 10});
    const session = new FakeSession(hub);
    execute('a');
    await settle();
    supervisor.of('a').stdout.write('0123456');
    await settle();
    supervisor.of('a').stderr.write('abcdef');
    await settle();
    supervisor.of('a').stdout.write('x'.repeat(100_000));
    await settle();
    supervisor.of('a').finish({exitCode: 0});
    await settle();
    expect(eventsOf('a', session.responses)).toEqual([
      '1 running',
      '2 stdout@0 0123456',
      '3 stderr@0 abc',
      '4 stdout@97959 2048 bytes',
      '5 stderr@3 def',
      '6 exited 0',
    ]);
    expect(session.responses.at(-1)?.kind).toMatchObject({value: {truncatedBytes: 100_000n - 2_048n}});
  });
});
