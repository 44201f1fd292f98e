import {isUtf8} from 'node:buffer';
import {describe, expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {
  formatRunLogEnd,
  formatRunLogLines,
  parseRunLogLine,
  RUN_LOG_LINE_BYTES,
  RunLogFormatter,
  type RunLogLine,
  type RunLogOutput,
  type RunLogStream,
  runLogBytes,
} from './run-log.ts';

const header = {run: {namespace: 'default', name: 'hello', uid: '11111111-2222-3333-4444-555555555555'}, attempt: 1};
const time = new Date('2026-01-02T03:04:05.678Z');

/** From one character to far over one line, text and not. */
const piece = fc.oneof(
  fc.uint8Array({maxLength: 64}),
  fc.string({unit: 'binary', maxLength: 64}).map((text) => Buffer.from(text, 'utf8')),
  fc
    .tuple(fc.constantFrom('a', '\n', '"', '\u0000', '€', '😀', 'a\u00e9'), fc.nat(9000))
    .map(([unit, count]) => Buffer.from(unit.repeat(count), 'utf8')),
  fc.tuple(fc.nat(255), fc.nat(40_000)).map(([byte, count]) => Buffer.alloc(count, byte)),
);
const pieces = fc.array(fc.tuple(fc.constantFrom<RunLogStream>('stdout', 'stderr'), piece), {maxLength: 12});
/** Where to cut the output of one stream, so that characters are cut as well. */
const cuts = fc.infiniteStream(fc.integer({min: 1, max: 20_000}));

function parsed(line: string): RunLogLine {
  expect(line).not.toContain('\n');
  expect(Buffer.byteLength(line, 'utf8') + 1).toBeLessThanOrEqual(RUN_LOG_LINE_BYTES);
  const entry = parseRunLogLine(line);
  if (entry === undefined) throw new Error(`not a line: ${line}`);
  return entry;
}

/** Puts the pieces together by their offsets, which must leave no gap. */
function joined(lines: readonly RunLogLine[], stream: RunLogStream): Buffer {
  const outputs = lines.filter((line): line is RunLogOutput => !('end' in line) && line.stream === stream);
  const chunks: Uint8Array[] = [];
  let position = 0;
  for (const output of outputs) {
    expect(output.offset).toBe(position);
    const bytes = runLogBytes(output);
    expect(bytes.length).toBeGreaterThan(0);
    expect('dataBase64' in output && isUtf8(bytes)).toBe(false);
    chunks.push(bytes);
    position += bytes.length;
  }
  return Buffer.concat(chunks);
}

describe('RunLogFormatter', () => {
  test('any bytes in any pieces come back byte for byte, and base64 is used for what is not UTF-8 only', () => {
    fc.assert(
      fc.property(pieces, (given) => {
        const formatter = new RunLogFormatter(header);
        const lines: string[] = [];
        const written = {stdout: [] as Uint8Array[], stderr: [] as Uint8Array[]};
        const offsets = {stdout: 0, stderr: 0};
        for (const [stream, bytes] of given) {
          lines.push(...formatter.write({stream, offset: offsets[stream], bytes, time}));
          offsets[stream] += bytes.length;
          written[stream].push(bytes);
        }
        lines.push(
          ...formatter.end({stdoutBytes: offsets.stdout, stderrBytes: offsets.stderr, truncatedBytes: 0}, time),
        );
        const entries = lines.map(parsed);
        expect(joined(entries, 'stdout').equals(Buffer.concat(written.stdout))).toBe(true);
        expect(joined(entries, 'stderr').equals(Buffer.concat(written.stderr))).toBe(true);
        expect(entries.filter((entry) => 'end' in entry)).toEqual([entries.at(-1)]);
      }),
    );
  });

  test('text stays text wherever it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({unit: 'binary', minLength: 1, maxLength: 200})),
        fc.nat(300),
        cuts,
        (texts, repeat, sizes) => {
          const bytes = Buffer.from(texts.join('').repeat(repeat), 'utf8').subarray(0, 60_000);
          const text = bytes.subarray(0, bytes.length - (isUtf8(bytes) ? 0 : 3));
          fc.pre(isUtf8(text));
          const formatter = new RunLogFormatter(header);
          const lines: string[] = [];
          for (let offset = 0; offset < text.length; ) {
            const chunk = text.subarray(offset, offset + (sizes.next().value ?? 1));
            lines.push(...formatter.write({stream: 'stdout', offset, bytes: chunk, time}));
            offset += chunk.length;
          }
          lines.push(...formatter.end({stdoutBytes: text.length, stderrBytes: 0, truncatedBytes: 0}, time));
          const entries = lines.map(parsed);
          expect(entries.filter((entry) => 'dataBase64' in entry)).toEqual([]);
          expect(joined(entries, 'stdout').equals(text)).toBe(true);
        },
      ),
      {numRuns: 60},
    );
  });

  test('a character in two chunks is one line', () => {
    const formatter = new RunLogFormatter(header);
    const [a, b] = [Uint8Array.of(0x61, 0xe2, 0x82), Uint8Array.of(0xac, 0x62)];
    const first = formatter.write({stream: 'stdout', offset: 0, bytes: a, time});
    const second = formatter.write({stream: 'stdout', offset: 3, bytes: b, time});
    expect([...first, ...second].map((line) => JSON.parse(line))).toEqual([
      {...header, time: '2026-01-02T03:04:05.678000Z', stream: 'stdout', offset: 0, data: 'a'},
      {...header, time: '2026-01-02T03:04:05.678000Z', stream: 'stdout', offset: 1, data: '€b'},
    ]);
  });

  test('what is held back is printed when its other half is missing', () => {
    const formatter = new RunLogFormatter(header);
    expect(formatter.write({stream: 'stdout', offset: 0, bytes: Uint8Array.of(0xe2), time})).toEqual([]);
    const lines = formatter.write({stream: 'stdout', offset: 50, bytes: Uint8Array.of(0x61), time}).map(parsed);
    expect(lines).toMatchObject([
      {offset: 0, dataBase64: '4g=='},
      {offset: 50, data: 'a'},
    ]);
  });

  test('the chunk may be used again by its owner', () => {
    const formatter = new RunLogFormatter(header);
    const bytes = Uint8Array.of(0xe2, 0x82);
    formatter.write({stream: 'stdout', offset: 0, bytes, time});
    bytes.fill(0);
    expect(formatter.write({stream: 'stdout', offset: 2, bytes: Uint8Array.of(0xac), time}).map(parsed)).toMatchObject([
      {data: '€'},
    ]);
  });
});

describe('formatRunLogLines', () => {
  test('nothing for nothing', () => {
    expect(formatRunLogLines(header, {stream: 'stdout', offset: 7, bytes: new Uint8Array(), time})).toEqual([]);
  });

  test('a line is as long as it may be', () => {
    const bytes = Buffer.alloc(100_000, 0x61);
    const lines = formatRunLogLines(header, {stream: 'stderr', offset: 0, bytes, time});
    expect(lines.length).toBe(7);
    expect(Buffer.byteLength(lines[1] ?? '')).toBeGreaterThan(RUN_LOG_LINE_BYTES - 32);
  });

  test('names of the greatest length leave room', () => {
    const run = {namespace: 'n'.repeat(63), name: 'r'.repeat(253), uid: 'u'.repeat(64)};
    const chunk = {
      stream: 'stdout' as const,
      offset: Number.MAX_SAFE_INTEGER - 200_000,
      bytes: Buffer.alloc(100_000, 0xff),
      time,
    };
    const lines = formatRunLogLines({run, attempt: 2 ** 31 - 1}, chunk).map(parsed);
    expect(lines.length).toBeLessThan(10);
  });

  test('text before a byte that is none stays text', () => {
    const bytes = Uint8Array.of(0x61, 0x62, 0xff, 0x63);
    expect(formatRunLogLines(header, {stream: 'stdout', offset: 10, bytes, time}).map(parsed)).toMatchObject([
      {offset: 10, data: 'ab'},
      {offset: 12, dataBase64: Buffer.from([0xff, 0x63]).toString('base64')},
    ]);
  });
});

describe('parseRunLogLine', () => {
  const line = formatRunLogEnd(header, {stdoutBytes: 1, stderrBytes: 2, truncatedBytes: 3}, time);

  test('the last line', () => {
    expect(parseRunLogLine(`${line}\n`)).toEqual({
      ...header,
      time: '2026-01-02T03:04:05.678000Z',
      end: {stdoutBytes: 1, stderrBytes: 2, truncatedBytes: 3},
    });
  });

  test.each([
    '',
    'plain text',
    '{"level":"info"}',
    '{"run":{}}',
    line.slice(0, -1),
    line.replace('"attempt":1', '"attempt":-1'),
    line.replace('"stderrBytes":2', '"stderrBytes":"2"'),
    line.replace('"end"', '"stream":"stdin","offset":0,"data":"x","fin"'),
    line.replace('"end"', '"stream":"stdout","offset":0.5,"data":"x","fin"'),
    line.replace('"end"', '"stream":"stdout","offset":0,"fin"'),
    line.replace('"uid"', '"id"'),
    '[1]',
    'null',
  ])('not a line of a log: %s', (other) => {
    expect(parseRunLogLine(other)).toBeUndefined();
  });

  test('never throws', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.jsonValue().map((value) => JSON.stringify({run: value, time: '', end: value})),
        ),
        (text) => {
          expect(() => parseRunLogLine(text)).not.toThrow();
        },
      ),
    );
  });
});
