import {execFileSync} from 'node:child_process';
import {closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {type Logger, silentLogger, systemClock} from '@kruntimes/reconciler-kit';
import {LineWriter} from './line-writer.ts';

let directory: string;
const fds: number[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kruntimes-lines-'));
});

afterEach(() => {
  for (const fd of fds.splice(0)) closeSync(fd);
  rmSync(directory, {recursive: true, force: true});
});

function open(path: string, flags: number): number {
  const fd = openSync(path, flags);
  fds.push(fd);
  return fd;
}

const writerOf = (fd: number, logger: Logger = silentLogger) => new LineWriter({fd, clock: systemClock, logger});

describe('LineWriter', () => {
  test('writes everything in order', async () => {
    const path = join(directory, 'log');
    const writer = writerOf(open(path, constants.O_WRONLY | constants.O_CREAT));
    const lines = Array.from({length: 5_000}, (_, i) => `${i}${'x'.repeat(i % 400)}`);
    await Promise.all(lines.map((line) => writer.write([line])));
    expect(readFileSync(path, 'utf8')).toBe(lines.map((line) => `${line}\n`).join(''));
    expect(writer.pendingBytes).toBe(0);
  });

  test.each([
    ['blocking', 0],
    ['non-blocking', constants.O_NONBLOCK],
  ])('waits for the reader of a %s pipe without stopping the process', async (_, flags) => {
    const path = join(directory, 'fifo');
    execFileSync('mkfifo', [path]);
    const reader = open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const writer = writerOf(open(path, constants.O_WRONLY | flags));
    const line = 'y'.repeat(1_000_000);
    let written = false;
    const done = writer.write([line]).then(() => {
      written = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toBe(false);
    const buffer = Buffer.alloc(64 * 1024);
    let received = 0;
    while (received < line.length + 1) {
      try {
        received += readSync(reader, buffer);
      } catch {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    await done;
    expect(received).toBe(line.length + 1);
  });

  test('drops what nobody reads any more, and says so once', async () => {
    const path = join(directory, 'fifo');
    execFileSync('mkfifo', [path]);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const errors: string[] = [];
    const logger = {...silentLogger, error: (message: string) => errors.push(message)};
    const writer = writerOf(open(path, constants.O_WRONLY), logger);
    closeSync(reader);
    await writer.write(['one']);
    await writer.write(['two']);
    expect(errors).toEqual(['run logs cannot be written and are dropped']);
  });
});
