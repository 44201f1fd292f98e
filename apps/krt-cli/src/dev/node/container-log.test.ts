import {mkdtemp, readdir, readFile, rm, stat} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import fc from 'fast-check';
import {ContainerLog, type LogReadOptions} from './container-log.ts';

describe('ContainerLog', () => {
  let directory: string;
  let nowMs: number;
  const now = (): number => nowMs;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'container-log-'));
    nowMs = Date.UTC(2026, 0, 1);
  });
  afterEach(async () => {
    await rm(directory, {recursive: true});
  });

  async function bytesOf(log: ContainerLog, options?: LogReadOptions): Promise<Buffer> {
    const parts: Buffer[] = [];
    for await (const part of log.read(options)) parts.push(part);
    return Buffer.concat(parts);
  }

  async function textOf(log: ContainerLog, options?: LogReadOptions): Promise<string> {
    return (await bytesOf(log, options)).toString();
  }

  test('stores the format of the container runtime interface and shows plain lines', async () => {
    const log = new ContainerLog(join(directory, 'c', '0.log'), {now});
    log.append('stdout', Buffer.from('one\ntw'));
    log.append('stderr', Buffer.from('oops\n'));
    log.append('stdout', Buffer.from('o\nthree'));
    expect(await textOf(log)).toBe('one\noops\ntwo\n');
    log.close();
    log.append('stdout', Buffer.from('too late\n'));
    expect(await readFile(log.path, 'utf8')).toBe(
      ['stdout F one', 'stderr F oops', 'stdout F two', 'stdout F three', '']
        .join('\n')
        .replaceAll(/^std/gm, '2026-01-01T00:00:00.000Z std'),
    );
    expect(await textOf(log, {timestamps: true, tailLines: 1})).toBe('2026-01-01T00:00:00.000Z three\n');
  });

  test('tailLines, sinceTime and limitBytes', async () => {
    const log = new ContainerLog(join(directory, '0.log'), {now});
    for (const line of ['a', 'b', 'c']) {
      log.append('stdout', Buffer.from(`${line}\n`));
      nowMs += 1000;
    }
    expect(await textOf(log, {tailLines: 2})).toBe('b\nc\n');
    expect(await textOf(log, {tailLines: 0})).toBe('');
    expect(await textOf(log, {sinceMs: Date.UTC(2026, 0, 1, 0, 0, 1)})).toBe('b\nc\n');
    expect(await textOf(log, {limitBytes: 3})).toBe('a\nb');
    log.close();
  });

  test('a follower gets what is printed later, over rotations, until the container has ended', async () => {
    const log = new ContainerLog(join(directory, '0.log'), {now, maxBytes: 200});
    log.append('stdout', Buffer.from('before\n'));
    const reader = log.read({follow: true});
    const seen: string[] = [];
    seen.push((await reader.next()).value!.toString());
    for (let line = 0; line < 50; line++) {
      log.append('stdout', Buffer.from(`line ${line}\n`));
      seen.push((await reader.next()).value!.toString());
    }
    log.close();
    expect((await reader.next()).done).toBe(true);
    expect(seen).toEqual(['before\n', ...Array.from({length: 50}, (_, line) => `line ${line}\n`)]);
    const files = await readdir(directory);
    expect(files.toSorted()).toEqual(['0.log', '0.log.1']);
    for (const file of files) expect((await stat(join(directory, file))).size).toBeLessThanOrEqual(200);
  });

  test('a follower can go away', async () => {
    const log = new ContainerLog(join(directory, '0.log'), {now});
    const gone = new AbortController();
    const end = textOf(log, {follow: true, signal: gone.signal});
    gone.abort();
    expect(await end).toBe('');
    log.close();
  });

  test('whatever is written in whatever pieces comes back byte for byte', async () => {
    const bytes = fc.uint8Array({maxLength: 300}).map((chunk) => Buffer.from(chunk));
    const long = fc.integer({min: 16_000, max: 40_000}).map((length) => Buffer.alloc(length, 'x'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(bytes, long), {maxLength: 20}), async (chunks) => {
        const log = new ContainerLog(join(directory, 'p.log'), {now});
        for (const chunk of chunks) log.append('stdout', chunk);
        log.close();
        const written = Buffer.concat(chunks);
        const missingNewline = written.length > 0 && written.at(-1) !== 0x0a ? '\n' : '';
        const shown = await bytesOf(log);
        expect(shown.equals(Buffer.concat([written, Buffer.from(missingNewline)]))).toBe(true);
      }),
      {numRuns: 100},
    );
  });
});
