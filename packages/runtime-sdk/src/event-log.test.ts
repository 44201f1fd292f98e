import {Buffer} from 'node:buffer';
import {describe, expect, test} from '@jest/globals';
import {EndReason, ExecutionState, Stream} from '@kruntimes/runtime-protocol';
import {type Event, EventLog} from './event-log.ts';

const state = {
  state: ExecutionState.RUNNING,
  exitCode: 0,
  signal: '',
  errorMessage: '',
  timeUnixNano: 1n,
  stdoutBytes: 0n,
  stderrBytes: 0n,
  truncatedBytes: 0n,
  usage: undefined,
  endReason: EndReason.UNSPECIFIED,
};

function drain(log: EventLog): Event[] {
  const events: Event[] = [];
  for (let event = log.next(); event !== undefined; event = log.next()) events.push(event);
  return events;
}

function write(log: EventLog, offset: number, text: string, stream: Stream = Stream.STDOUT): void {
  log.appendOutput(stream, offset, Buffer.from(text), 2n);
}

describe('EventLog', () => {
  test('numbers states and output together, from 1 without gaps', () => {
    const log = new EventLog('a');
    log.appendState(state);
    write(log, 0, 'out');
    write(log, 0, 'err', Stream.STDERR);
    log.appendState(state);
    expect(drain(log).map(({$case, value}) => [$case, value.sequence])).toEqual([
      ['state', 1n],
      ['output', 2n],
      ['output', 3n],
      ['state', 4n],
    ]);
  });

  test('cuts output into events of at most 64 KiB', () => {
    const log = new EventLog('a');
    write(log, 5, 'x'.repeat(150_000));
    const pieces = drain(log).flatMap((event) => (event.$case === 'output' ? [event.value] : []));
    expect(pieces.map(({offset, data}) => [offset, data.length])).toEqual([
      [5n, 65_536],
      [65_541n, 65_536],
      [131_077n, 18_928],
    ]);
  });

  test('joins small output that was not sent, and never what was', () => {
    const log = new EventLog('a');
    write(log, 0, 'a');
    write(log, 1, 'b');
    expect(drain(log)).toHaveLength(1);
    write(log, 2, 'c');
    write(log, 3, 'd');
    write(log, 9, 'after a gap');
    const data = drain(log).map((event) => event.$case === 'output' && Buffer.from(event.value.data).toString());
    expect(data).toEqual(['cd', 'after a gap']);
  });

  test('an acknowledgement drops what was sent up to it, and gives back its room', () => {
    const log = new EventLog('a');
    log.appendState(state);
    write(log, 0, 'x'.repeat(100_000));
    const before = log.unackedBytes;
    expect(before).toBeGreaterThanOrEqual(100_000);
    log.next();
    log.next();
    log.acknowledge(99n);
    expect(log.unackedBytes).toBeLessThan(before - 65_000);
    expect(log.next()?.value.sequence).toBe(3n);
    log.acknowledge(2n);
    expect(log.acknowledged).toBe(false);
    log.acknowledge(3n);
    expect(log.acknowledged).toBe(true);
    expect(log.unackedBytes).toBe(0);
  });

  test('after a rewind, everything unacknowledged comes again, in order', () => {
    const log = new EventLog('a');
    log.appendState(state);
    write(log, 0, 'out');
    const first = drain(log);
    log.rewind();
    expect(drain(log)).toEqual(first);
  });

  test('counts what tiny events cost', () => {
    const log = new EventLog('a');
    for (let offset = 0; offset < 100; offset++) {
      write(log, offset, 'x');
      log.next();
    }
    expect(log.unackedBytes).toBeGreaterThan(20_000);
  });
});
