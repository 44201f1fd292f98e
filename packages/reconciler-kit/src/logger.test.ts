import {Writable} from 'node:stream';
import {describe, expect, test} from '@jest/globals';
import {createLogger, type LoggerOptions, silentLogger} from './logger.ts';

function capture(options: Partial<LoggerOptions>, properties: {isTTY?: boolean} = {}) {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return {logger: createLogger({name: 'test', stream: Object.assign(stream, properties), ...options}), lines};
}

describe('createLogger', () => {
  test('writes one JSON object a line with time, level, logger and fields', () => {
    const {logger, lines} = capture({});
    logger.info('run bound', {run: 'a', waitMs: 3});
    logger.debug('not shown');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.endsWith('}\n')).toBe(true);
    const {time, ...line} = JSON.parse(lines[0] ?? '') as Record<string, unknown>;
    expect(line).toEqual({level: 'info', logger: 'test', message: 'run bound', run: 'a', waitMs: 3});
    expect(Date.parse(time as string)).not.toBeNaN();
  });

  test('a child adds its fields, and its own win over those of a line', () => {
    const {logger, lines} = capture({level: 'debug'});
    logger.child({controller: 'c'}).child({key: 'k'}).debug('x', {key: 'other', message: 'not this', level: 'error'});
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({level: 'debug', message: 'x', controller: 'c', key: 'k'});
  });

  test('errors keep message, code, cause and stack', () => {
    const {logger, lines} = capture({});
    const error = Object.assign(new Error('outer', {cause: new TypeError('inner')}), {code: 'E'});
    logger.error('failed', {error});
    expect(JSON.parse(lines[0] ?? '').error).toMatchObject({
      name: 'Error',
      message: 'outer',
      code: 'E',
      cause: {name: 'TypeError', message: 'inner'},
      stack: expect.stringContaining('outer'),
    });
  });

  test('text lines are for people', () => {
    const {logger, lines} = capture({format: 'text'});
    logger.warn('slow', {key: 'ns/a', note: 'two words', n: 1});
    expect(lines[0]).toMatch(/^[\d:.]{12} WARN {2}test: slow key=ns\/a note="two words" n=1\n$/);
  });

  test('text lines show errors with causes and stacks on lines of their own', () => {
    const {logger, lines} = capture({format: 'text'});
    const error = Object.assign(new TypeError('no', {cause: new Error('deep')}), {code: 'E_NO'});
    logger.child({key: 'a'}).error('failed', {error, retries: 2});
    expect(lines[0]).toMatch(
      /failed retries=2 key=a\n {4}error: TypeError: no \(E_NO\)\n {8}at [^]*\n {4}caused by: Error: deep\n {8}at /,
    );
  });

  test('text lines have colours on a terminal only', () => {
    const onTerminal = capture({format: 'text'}, {isTTY: true});
    onTerminal.logger.warn('slow', {n: 1});
    expect(onTerminal.lines[0]).toContain('\u001b[33mWARN \u001b[0m test: slow \u001b[90mn=\u001b[0m1\n');
    const piped = capture({format: 'text'});
    piped.logger.warn('slow', {n: 1});
    expect(piped.lines[0]).not.toContain('\u001b');
  });

  test('circular and big fields do not throw', () => {
    const {logger, lines} = capture({});
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    logger.info('odd', {circular, big: 10n});
    expect(lines).toHaveLength(1);
  });
});

test('the silent logger has silent children', () => {
  expect(silentLogger.child({a: 1})).toBe(silentLogger);
  silentLogger.error('nobody hears');
});
