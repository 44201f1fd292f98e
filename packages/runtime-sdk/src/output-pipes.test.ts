import {once} from 'node:events';
import {closeSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync, writeSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {silentLogger} from './logger.ts';
import {type OutputPipe, OutputPipes} from './output-pipes.ts';

let directory = '';

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'krt-'));
});

afterEach(() => rmSync(directory, {recursive: true, force: true}));

async function through(pipe: OutputPipe | undefined, text: string): Promise<string> {
  if (pipe === undefined) return 'no pipe';
  writeSync(pipe.writeFd, text);
  closeSync(pipe.writeFd);
  const chunks: string[] = [];
  pipe.readable.on('data', (chunk) => chunks.push(String(chunk)));
  await once(pipe.readable, 'close');
  return chunks.join('');
}

describe('OutputPipes', () => {
  test('carry what is written, then end', async () => {
    const pipes = await OutputPipes.create([join(directory, 'pipes')], silentLogger);
    for (let count = 0; count < 200; count++) {
      expect(await through(pipes.take(), `message ${count}`)).toBe(`message ${count}`);
    }
    await pipes.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('live in the first place where they can', async () => {
    const pipes = await OutputPipes.create(
      [join(directory, 'missing', 'pipes'), join(directory, 'pipes')],
      silentLogger,
    );
    expect(await through(pipes.take(), 'text')).toBe('text');
    await pipes.close();
  });

  test('replace what an earlier server left', async () => {
    mkdirSync(join(directory, 'pipes'));
    writeFileSync(join(directory, 'pipes', 'stale'), '');
    const pipes = await OutputPipes.create([join(directory, 'pipes')], silentLogger);
    expect(readdirSync(join(directory, 'pipes'))).not.toContain('stale');
    await pipes.close();
  });

  test('are made anew when a program removed them', async () => {
    const pipes = await OutputPipes.create([join(directory, 'pipes')], silentLogger);
    for (const name of readdirSync(directory)) rmSync(join(directory, name), {recursive: true});
    expect(await through(pipes.take(), 'text')).toBe('text');
    await pipes.close();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('where they cannot be made, there are none, and the log says so once', async () => {
    const warnings: string[] = [];
    const logger = {...silentLogger, warn: (message: string) => warnings.push(message)};
    const pipes = await OutputPipes.create([join(directory, 'missing', 'pipes')], logger);
    expect(pipes.take()).toBeUndefined();
    expect(pipes.take()).toBeUndefined();
    expect(warnings).toEqual(['no named pipes here: programs that open /dev/stdout or /dev/stderr will fail']);
    await pipes.close();
  });
});
