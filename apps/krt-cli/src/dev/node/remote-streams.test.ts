import {expect, test} from '@jest/globals';
import {ClientInput} from './client-input.ts';
import {encodeStatus, exitStatus, terminalSize, wantedStreams} from './remote-streams.ts';

const wanted = (query: string) => wantedStreams(new URLSearchParams(query));

test('the query of the API server says which streams are wanted', () => {
  expect(wanted('input=1&output=1&error=1')).toEqual({stdin: true, stdout: true, stderr: true, tty: false});
  expect(wanted('output=true&error=1&tty=1')).toEqual({stdin: false, stdout: true, stderr: false, tty: true});
  expect(wanted('tty=1&output=0')).toBeUndefined();
});

test.each([
  ['{"Width":80,"Height":24}', {columns: 80, rows: 24}],
  ['{"Width":0,"Height":24}', undefined],
  ['{"Width":80}', undefined],
  ['{"Width":"80; rm","Height":1}', undefined],
  ['null', undefined],
  ['{', undefined],
])('terminalSize of %s', (text, size) => {
  expect(terminalSize(text)).toEqual(size);
});

test('a status says how a command ended, as a kubelet does', () => {
  expect(encodeStatus(exitStatus(0)).toString()).toBe('{"metadata":{},"status":"Success"}');
  expect(exitStatus(137)).toEqual({
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: 'command terminated with non-zero exit code: exit status 137',
    details: {causes: [{reason: 'ExitCode', message: '137'}]},
  });
});

test('sizes come in pieces and several at once; the last one is told at once', () => {
  const input = new ClientInput(false, () => {});
  const sizes: unknown[] = [];
  input.resize(Buffer.from('{"Width":1,"Height":2}\n{"Width":3,'));
  input.onResize((size) => sizes.push(size));
  input.resize(Buffer.from('"Height":4}\nrubbish}{"Width":5,"Height":6}'));
  expect(sizes).toEqual([
    {columns: 1, rows: 2},
    {columns: 3, rows: 4},
    {columns: 5, rows: 6},
  ]);
});

test('input that nobody reads holds the client up, until it is given up', async () => {
  const input = new ClientInput(true, () => {});
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 1_000; i++) {
      await input.write(Buffer.alloc(65_536));
      written++;
    }
  })();
  // All that can be done without a reader is done when the event loop is through.
  await new Promise(setImmediate);
  expect(written).toBeLessThan(10);
  input.destroy();
  await writing;
});
