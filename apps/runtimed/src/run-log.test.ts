import {describe, expect, test} from '@jest/globals';
import {parseRunLogLine, runLogBytes} from '@kruntimes/api-types';
import fc from 'fast-check';
import type {LineWriter} from './line-writer.ts';
import {MemoryLineWriter} from './memory-line-writer.fixture.ts';
import {type LoggedOutput, RunLog} from './run-log.ts';

const header = {run: {namespace: 'default', name: 'hello', uid: 'u'}, attempt: 1};
const time = new Date(0);
const totals = {stdoutBytes: 0, stderrBytes: 0, truncatedBytes: 0};

function logTo(writer: LineWriter): {log: RunLog; durable: bigint[]} {
  const durable: bigint[] = [];
  return {log: new RunLog(header, writer, (sequence) => durable.push(sequence)), durable};
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

function output(
  sequence: number,
  stream: 'stdout' | 'stderr',
  offset: number,
  data: Uint8Array | string,
): LoggedOutput {
  return {sequence: BigInt(sequence), stream, offset, data: Buffer.from(data), time};
}

describe('RunLog', () => {
  test('prints output and the last line', async () => {
    const writer = new MemoryLineWriter();
    const {log, durable} = logTo(writer);
    log.skip(1n);
    log.output(output(2, 'stdout', 0, 'hello\n'));
    await log.end({...totals, stdoutBytes: 6}, time);
    expect(writer.lines.map((line) => JSON.parse(line))).toEqual([
      {...header, time: '1970-01-01T00:00:00.000000Z', stream: 'stdout', offset: 0, data: 'hello\n'},
      {...header, time: '1970-01-01T00:00:00.000000Z', end: {...totals, stdoutBytes: 6}},
    ]);
    expect(durable.at(-1)).toBe(2n);
  });

  test('is not done with an event whose last character is cut', async () => {
    const writer = new MemoryLineWriter();
    const {log} = logTo(writer);
    log.output(output(1, 'stdout', 0, 'a'));
    log.output(output(2, 'stdout', 1, Buffer.from('x😀').subarray(0, 3)));
    log.output(output(3, 'stderr', 0, 'e'));
    await settle();
    expect(log.durable).toBe(1n);
    log.output(output(4, 'stdout', 4, Buffer.from('😀').subarray(2)));
    await settle();
    expect(log.durable).toBe(4n);
    expect(writer.lines.map((line) => JSON.parse(line).data).join('')).toBe('axe😀');
  });

  test('does not wait for the rest of a character for ever', async () => {
    const writer = new MemoryLineWriter();
    const {log} = logTo(writer);
    log.output(output(1, 'stdout', 0, Buffer.from([0xe2])));
    log.output(output(2, 'stderr', 0, Buffer.alloc(32 * 1024, 'e')));
    await settle();
    expect(log.durable).toBe(0n);
    log.output(output(3, 'stderr', 32 * 1024, Buffer.alloc(32 * 1024, 'e')));
    await settle();
    expect(log.durable).toBe(3n);
    expect(writer.lines.some((line) => JSON.parse(line).dataBase64 === '4g==')).toBe(true);
  });

  test('carries any bytes in any chunks, each at its offset, and is done with all of them at the end', async () => {
    const chunk = fc.record({
      stream: fc.constantFrom('stdout' as const, 'stderr' as const),
      data: fc.oneof(
        fc.uint8Array({maxLength: 6}),
        fc.string({unit: 'binary', maxLength: 6}).map((text) => new Uint8Array(Buffer.from(text))),
      ),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(chunk, {maxLength: 30}), fc.nat(), async (chunks, cut) => {
        const writer = new MemoryLineWriter();
        const {log, durable} = logTo(writer);
        const offsets = {stdout: 0, stderr: 0};
        const streams = {stdout: Buffer.alloc(0), stderr: Buffer.alloc(0)};
        let durableAtCut = 0n;
        let linesAtCut = 0;
        for (const [i, {stream, data}] of chunks.entries()) {
          log.output(output(i + 1, stream, offsets[stream], data));
          offsets[stream] += data.length;
          streams[stream] = Buffer.concat([streams[stream], data]);
          await settle();
          if (i === cut % chunks.length) {
            durableAtCut = log.durable;
            linesAtCut = writer.lines.length;
          }
        }
        // A process that dies at the cut has printed every event that it was done with.
        const promised = {stdout: 0, stderr: 0};
        for (const [i, {stream, data}] of chunks.entries()) {
          if (BigInt(i + 1) <= durableAtCut) promised[stream] += data.length;
        }
        const printed = {stdout: 0, stderr: 0};
        for (const text of writer.lines.slice(0, linesAtCut)) {
          const line = parseRunLogLine(text);
          if (line === undefined || 'end' in line) throw new Error(text);
          printed[line.stream] = line.offset + runLogBytes(line).length;
        }
        expect(printed.stdout).toBeGreaterThanOrEqual(promised.stdout);
        expect(printed.stderr).toBeGreaterThanOrEqual(promised.stderr);

        await log.end(totals, time);
        const read = {stdout: Buffer.alloc(0), stderr: Buffer.alloc(0)};
        for (const text of writer.lines.slice(0, -1)) {
          const line = parseRunLogLine(text);
          if (line === undefined || 'end' in line) throw new Error(text);
          expect(line.offset).toBe(read[line.stream].length);
          read[line.stream] = Buffer.concat([read[line.stream], runLogBytes(line)]);
        }
        expect(read).toEqual(streams);
        expect(durable).toEqual(durable.toSorted((a, b) => Number(a - b)));
      }),
    );
  }, 60_000);
});
