import {Writable} from 'node:stream';
import {describe, expect, test} from '@jest/globals';
import {DemoScreen, type ScreenStream} from './demo-screen.ts';

function record(isTTY: boolean): {stream: ScreenStream; text: () => string} {
  let text = '';
  const stream: ScreenStream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  stream.isTTY = isTTY;
  return {stream, text: () => text};
}

describe('DemoScreen', () => {
  test('is plain text without a terminal', async () => {
    const {stream, text} = record(false);
    const screen = new DemoScreen(stream, {});
    screen.heading('1. One');
    screen.command('krt get');
    screen.output('a\nb\n\n');
    screen.file('x.yaml', 'kind: Run\n');
    await screen.step('starting', async (note) => note('still at it'));
    expect(text().replaceAll(/ +\d\.\d s/g, ' 0 s')).toBe(
      '\n1. One\n  $ krt get\n  a\n  b\n  x.yaml\n  │ kind: Run\n    still at it\n  ✓ starting 0 s\n',
    );
  });

  test('overwrites the line of a step on a terminal, and honours NO_COLOR', async () => {
    const {stream, text} = record(true);
    await expect(
      new DemoScreen(stream, {NO_COLOR: '1'}).step('starting', async () => {
        throw new Error('no');
      }),
    ).rejects.toThrow('no');
    expect(
      text()
        .split('\r\u001B[2K')
        .map((part) => part.trimEnd().replace(/ +\d\.\d s$/, '')),
    ).toEqual(['', '  … starting', '  ✗ starting']);
  });
});
