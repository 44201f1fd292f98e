import {existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {silentLogger} from '@kruntimes/reconciler-kit';
import {LogSpool} from './log-spool.ts';
import {MemoryLineWriter} from './memory-line-writer.fixture.ts';
import {SpoolDirectory} from './spool-directory.ts';
import {SpooledLog} from './spooled-log.ts';

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kruntimes-spool-'));
  path = join(directory, 'log');
});

afterEach(() => {
  rmSync(directory, {recursive: true, force: true});
});

const spoolOf = (maxBytes = 1024 * 1024): LogSpool => new LogSpool({path, maxBytes, logger: silentLogger});

describe('a spooled log', () => {
  test('holds every line in order, and its end', async () => {
    const spool = spoolOf();
    void spool.write(['one', 'two']);
    void spool.write(['three']);
    await spool.end(['rest', 'end']);
    expect(spool.problem).toBeUndefined();
    expect(await text(spool.read())).toBe('one\ntwo\nthree\nrest\nend\n');
    expect(await text(spool.read())).toHaveLength(spool.sizeBytes);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await spool.remove();
    expect(existsSync(path)).toBe(false);
  });

  test('is written when its promise is resolved, and not before there is a line', async () => {
    const spool = spoolOf();
    await spool.write([]);
    expect(existsSync(path)).toBe(false);
    await spool.write(['one']);
    expect(readFileSync(path, 'utf8')).toBe('one\n');
    await spool.remove();
  });

  test('costs no file when there is nothing but its end', async () => {
    const spool = spoolOf();
    await spool.end(['end']);
    expect(existsSync(path)).toBe(false);
    expect(spool.sizeBytes).toBe(0);
    await spool.remove();
    writeFileSync(path, 'one\n');
    const next = spoolOf();
    await next.end(['end']);
    expect(await text(next.read())).toBe('one\nend\n');
    await next.remove();
    expect(existsSync(path)).toBe(false);
  });

  test('goes on after the last whole line of an earlier process', async () => {
    writeFileSync(path, 'one\ntwo\nhalf a li');
    const spool = spoolOf();
    await spool.write(['three']);
    await spool.end(['end']);
    expect(await text(spool.read())).toBe('one\ntwo\nthree\nend\n');
    await spool.remove();
  });

  test('is cut where it would get too large, and ends nevertheless', async () => {
    const line = 'x'.repeat(999);
    const spool = spoolOf(6 * 1024);
    for (let i = 0; i < 4; i++) await spool.write([line]);
    await spool.write(['short']);
    await spool.end(['held back', 'end']);
    expect(spool.problem).toBe('it is larger than 6144 bytes');
    expect(await text(spool.read())).toBe(`${line}\n${line}\nend\n`);
    await spool.remove();
  });

  test('counts what an earlier process wrote', async () => {
    writeFileSync(path, `${'x'.repeat(9_999)}\n`);
    const spool = spoolOf(8 * 1024);
    await spool.write(['one']);
    expect(spool.problem).toBe('it is larger than 8192 bytes');
    await spool.remove();
  });

  test('on a disk that is full disturbs nobody', async () => {
    const spool = new LogSpool({path: '/dev/full', maxBytes: 1024 * 1024, logger: silentLogger});
    const printed = new MemoryLineWriter();
    const log = new SpooledLog(printed, spool);
    await log.write(['one']);
    await log.write(['two']);
    await log.end(['end']);
    expect(printed.lines).toEqual(['one', 'two', 'end']);
    expect(spool.problem).toBe('the disk of the spool failed (ENOSPC)');
    expect(spool.sizeBytes).toBe(0);
    await spool.close();
  });
});

test('what earlier processes left in the spool is removed, but for attempts that are under way', async () => {
  const spool = SpoolDirectory.open({path: join(directory, 'spool')});
  for (const name of ['a-1.log', 'b-1.log', 'archive']) writeFileSync(join(spool.path, name), '');
  await spool.sweep((key) => key === 'a-1');
  expect(['a-1.log', 'b-1.log', 'archive'].filter((name) => existsSync(join(spool.path, name)))).toEqual(['a-1.log']);
});
