import {appendFile, mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, expect, test} from '@jest/globals';
import {LogFollower} from './log-follower.ts';

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'krt-log-'));
  path = join(directory, 'a.log');
});

afterEach(async () => {
  await rm(directory, {recursive: true});
});

async function all(follower: LogFollower, signal = AbortSignal.abort()): Promise<string[]> {
  const lines: string[] = [];
  for await (const some of follower.lines(signal)) lines.push(...some);
  return lines;
}

test('reads what is there, or the end of it', async () => {
  await writeFile(path, 'one\ntwo\nthree\nfour');
  expect(await all(new LogFollower(path))).toEqual(['one', 'two', 'three', 'four']);
  expect(await all(new LogFollower(path, {tail: 2}))).toEqual(['two', 'three', 'four']);
  expect(await all(new LogFollower(path, {tail: 0}))).toEqual(['four']);
});

test('characters and lines that come in pieces stay whole', async () => {
  const long = 'ä'.repeat(70_000);
  await writeFile(path, `${long}\nend\n`);
  expect(await all(new LogFollower(path))).toEqual([long, 'end']);
});

test('follows until it is told to stop', async () => {
  await writeFile(path, 'one\n');
  const stop = new AbortController();
  const seen: string[] = [];
  for await (const lines of new LogFollower(path, {pollMs: 5}).lines(stop.signal)) {
    seen.push(...lines);
    if (seen.length === 1) await appendFile(path, 'two\n');
    if (seen.length === 2) stop.abort();
  }
  expect(seen).toEqual(['one', 'two']);
});
