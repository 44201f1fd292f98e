import {describe, expect, test} from '@jest/globals';
import {formatRunLogEnd, formatRunLogLines, type RunLogHeader} from '@kruntimes/api-types';
import {ApiError, type Clock, ReconcilerKitError} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import * as fc from 'fast-check';
import {AttemptLog, type AttemptLogSink} from './attempt-log.ts';
import type {OutputStream} from './output-cursor.ts';
import type {PodLogRequest, PodLogSource} from './pod-log.ts';

const uid = '0d0e1f00-0000-4000-8000-000000000001';
const startedMs = Date.UTC(2026, 0, 1, 12);
const header: RunLogHeader = {run: {namespace: 'default', name: 'hello', uid}, attempt: 1};

/** Time passes only for those who wait: each sleep is over at once. */
const impatient: Clock = Object.assign(new ManualClock(), {sleep: () => Promise.resolve()});

interface Line {
  timeMs: number;
  text: string;
}

/** A Pod's log as the kubelet serves it, with connections that break where the test says. */
class BrokenSource implements PodLogSource {
  readonly requests: PodLogRequest[] = [];
  readonly lines: Line[];
  readonly previous: Line[];
  #cuts: number[];

  constructor(lines: Line[], cuts: number[] = [], previous: Line[] = []) {
    this.lines = lines;
    this.previous = previous;
    this.#cuts = [...cuts];
  }

  async *open(request: PodLogRequest): AsyncIterable<Uint8Array> {
    this.requests.push(request);
    if (request.previous && this.previous.length === 0) {
      throw new ApiError({status: 400, message: 'previous terminated container not found'});
    }
    const since = Date.parse(request.sinceTime ?? '1970-01-01T00:00:00Z');
    const lines = (request.previous ? this.previous : this.lines).filter(({timeMs}) => timeMs >= since);
    const bytes = Buffer.from(lines.map(({text}) => `${text}\n`).join(''));
    const cut = request.previous ? undefined : this.#cuts.shift();
    if (cut === undefined) yield bytes;
    else {
      yield bytes.subarray(0, Math.floor(cut / 2));
      yield bytes.subarray(Math.floor(cut / 2), cut);
      if (cut % 2 === 0) throw new ReconcilerKitError('CONNECTION_FAILED', 'cut', {retryable: true});
    }
  }

  async podsOfRuntime(): Promise<string[]> {
    return [];
  }
}

class Collector implements AttemptLogSink {
  readonly parts: Record<OutputStream, Buffer[]> = {stdout: [], stderr: []};
  readonly missed: [OutputStream, number][] = [];

  async output({stream, bytes}: {stream: OutputStream; bytes: Uint8Array}): Promise<void> {
    this.parts[stream].push(Buffer.from(bytes));
  }

  missing(stream: OutputStream, bytes: number): void {
    this.missed.push([stream, bytes]);
  }

  text(stream: OutputStream): string {
    return Buffer.concat(this.parts[stream]).toString('latin1');
  }
}

function attemptLog(source: PodLogSource, sink: AttemptLogSink, attempt = 1): AttemptLog {
  return new AttemptLog({uid, attempt, pod: 'pod', startedMs}, {source, sink, clock: impatient, random: () => 0.5});
}

/** What a program wrote, as the lines that runtimed printed for it, each a second or less after the one before. */
function logOf(writes: readonly {stream: OutputStream; bytes: Uint8Array; gapMs: number}[]): {
  lines: Line[];
  totals: {stdout: number; stderr: number};
} {
  const totals = {stdout: 0, stderr: 0};
  let timeMs = startedMs;
  const lines = writes.flatMap(({stream, bytes, gapMs}) => {
    timeMs += gapMs;
    const texts = formatRunLogLines(header, {stream, offset: totals[stream], bytes, time: new Date(timeMs)});
    totals[stream] += bytes.length;
    return texts.map((text) => ({timeMs, text}));
  });
  const end = {stdoutBytes: totals.stdout, stderrBytes: totals.stderr, truncatedBytes: 0};
  lines.push({timeMs, text: formatRunLogEnd(header, end, new Date(timeMs))});
  return {lines, totals};
}

const write = fc.record({
  stream: fc.constantFrom<OutputStream>('stdout', 'stderr'),
  bytes: fc.uint8Array({minLength: 1, maxLength: 60}),
  gapMs: fc.nat(1500),
});
const noise = fc.constantFrom(
  'not json at all',
  `{"level":"info","message":"run bound","uid":"${uid}"}`,
  JSON.stringify({
    ...header,
    attempt: 2,
    time: '2026-01-01T12:00:00Z',
    stream: 'stdout',
    offset: 0,
    data: 'later attempt',
  }),
  JSON.stringify({
    run: {...header.run, uid: 'other'},
    attempt: 1,
    time: 't',
    stream: 'stdout',
    offset: 0,
    data: 'other',
  }),
);

describe('AttemptLog.follow', () => {
  test('delivers each byte once, in order, wherever the connection breaks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(write, {maxLength: 12}),
        fc.array(fc.nat(3000), {maxLength: 8}),
        fc.array(noise, {maxLength: 6}),
        async (writes, cuts, others) => {
          const {lines} = logOf(writes);
          const mixed = [...others.map((text) => ({timeMs: startedMs, text})), ...lines];
          const source = new BrokenSource(mixed, cuts);
          const sink = new Collector();
          const result = await attemptLog(source, sink).follow(new Promise(() => {}), new AbortController().signal);
          expect(result).toEqual({complete: true, gone: false, found: true});
          for (const stream of ['stdout', 'stderr'] as const) {
            const written = Buffer.concat(writes.filter((each) => each.stream === stream).map((each) => each.bytes));
            expect(sink.text(stream)).toBe(written.toString('latin1'));
          }
          expect(sink.missed).toEqual([]);
        },
      ),
      {numRuns: 300},
    );
  });

  test('takes once what a restarted runtimed prints again, cut elsewhere', async () => {
    const bytes = Buffer.from('0123456789');
    const at = (offset: number, end: number): Line[] =>
      formatRunLogLines(header, {
        stream: 'stdout',
        offset,
        bytes: bytes.subarray(offset, end),
        time: new Date(startedMs),
      }).map((text) => ({timeMs: startedMs, text}));
    const {lines} = logOf([{stream: 'stdout', bytes, gapMs: 0}]);
    const source = new BrokenSource([...at(0, 4), ...at(2, 7), ...at(0, 3), ...at(5, 10), lines.at(-1)!]);
    const sink = new Collector();
    await attemptLog(source, sink).follow(new Promise(() => {}), new AbortController().signal);
    expect(sink.text('stdout')).toBe('0123456789');
  });

  test('finds the beginning when the clocks of the nodes differ', async () => {
    const {lines} = logOf([
      {stream: 'stdout', bytes: Buffer.from('early '), gapMs: 0},
      {stream: 'stdout', bytes: Buffer.from('late'), gapMs: 600_000},
    ]);
    // The node's clock is five minutes behind that of the scheduler.
    const source = new BrokenSource(lines.map((line) => ({...line, timeMs: line.timeMs - 300_000})));
    const sink = new Collector();
    const result = await attemptLog(source, sink).follow(new Promise(() => {}), new AbortController().signal);
    expect(sink.text('stdout')).toBe('early late');
    expect(result.complete).toBe(true);
    expect(sink.missed).toEqual([]);
  });

  test('reads the log of the instance before a restart of runtimed first', async () => {
    const {lines} = logOf([
      {stream: 'stdout', bytes: Buffer.from('before '), gapMs: 0},
      {stream: 'stdout', bytes: Buffer.from('after'), gapMs: 1},
    ]);
    const source = new BrokenSource(lines.slice(1), [], lines.slice(0, 1));
    const sink = new Collector();
    await attemptLog(source, sink).follow(new Promise(() => {}), new AbortController().signal);
    expect(sink.text('stdout')).toBe('before after');
    expect(sink.missed).toEqual([]);
  });

  test('says how much is missing for good', async () => {
    const {lines} = logOf([
      {stream: 'stdout', bytes: Buffer.from('rotated away'), gapMs: 0},
      {stream: 'stdout', bytes: Buffer.from('kept'), gapMs: 1},
      {stream: 'stderr', bytes: Buffer.from('dropped'), gapMs: 1},
    ]);
    const source = new BrokenSource(lines.filter((_, i) => i === 1 || i === 3));
    const sink = new Collector();
    const result = await attemptLog(source, sink).follow(new Promise(() => {}), new AbortController().signal);
    expect(sink.text('stdout')).toBe('kept');
    expect(sink.missed).toEqual([
      ['stdout', 12],
      ['stderr', 7],
    ]);
    expect(result.complete).toBe(true);
  });

  test('ends with what there is when the attempt is over and its last line never comes', async () => {
    const {lines} = logOf([{stream: 'stdout', bytes: Buffer.from('killed'), gapMs: 0}]);
    const source = new BrokenSource(lines.slice(0, 1), [11]);
    const sink = new Collector();
    const result = await attemptLog(source, sink).follow(Promise.resolve(), new AbortController().signal);
    expect(sink.text('stdout')).toBe('killed');
    expect(result).toEqual({complete: false, gone: false, found: true});
  });

  test('ends when the Pod is gone', async () => {
    const source = new BrokenSource([]);
    source.open = () => {
      throw new ApiError({status: 404, message: 'pods "pod" not found'});
    };
    const result = await attemptLog(source, new Collector()).follow(
      new Promise(() => {}),
      new AbortController().signal,
    );
    expect(result).toEqual({complete: false, gone: true, found: false});
  });

  test('waits for a container that starts, gives up where it is not allowed', async () => {
    const {lines} = logOf([{stream: 'stdout', bytes: Buffer.from('ok'), gapMs: 0}]);
    const working = new BrokenSource(lines);
    const problems = [
      new ApiError({status: 400, message: 'container is waiting to start'}),
      new ApiError({status: 502, message: 'dial tcp: connection refused'}),
    ];
    const source: PodLogSource = {
      podsOfRuntime: async () => [],
      open: (request) => {
        const problem = problems.shift();
        if (problem) throw problem;
        return working.open(request);
      },
    };
    const sink = new Collector();
    await attemptLog(source, sink).follow(new Promise(() => {}), new AbortController().signal);
    expect(sink.text('stdout')).toBe('ok');
    problems.push(new ApiError({status: 403, message: 'forbidden'}));
    const refused = attemptLog(source, sink).follow(new Promise(() => {}), new AbortController().signal);
    await expect(refused).rejects.toMatchObject({status: 403});
  });
});

describe('AttemptLog.readAvailable', () => {
  test('asks only for what the attempt can have written', async () => {
    const {lines} = logOf([{stream: 'stdout', bytes: Buffer.from('hi'), gapMs: 0}]);
    const source = new BrokenSource(lines);
    const sink = new Collector();
    const result = await attemptLog(source, sink).readAvailable(new AbortController().signal);
    expect(result.complete).toBe(true);
    expect(source.requests).toMatchObject([{follow: false, sinceTime: '2026-01-01T11:59:00Z'}]);
  });

  test('looks further when something must be there', async () => {
    const {lines} = logOf([{stream: 'stdout', bytes: Buffer.from('hi'), gapMs: 0}]);
    const early = lines.map((line) => ({...line, timeMs: line.timeMs - 3_600_000}));
    const none = await attemptLog(new BrokenSource(early), new Collector()).readAvailable(new AbortController().signal);
    expect(none.found).toBe(false);
    const sink = new Collector();
    await attemptLog(new BrokenSource(early), sink).readAvailable(new AbortController().signal, {expectOutput: true});
    expect(sink.text('stdout')).toBe('hi');
  });

  test('another attempt is another log', async () => {
    const {lines} = logOf([{stream: 'stdout', bytes: Buffer.from('hi'), gapMs: 0}]);
    const result = await attemptLog(new BrokenSource(lines), new Collector(), 2).readAvailable(
      new AbortController().signal,
    );
    expect(result).toEqual({complete: false, gone: false, found: false});
  });
});
