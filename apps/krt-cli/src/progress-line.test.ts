import {describe, expect, test} from '@jest/globals';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {ProgressLine} from './progress-line.ts';
import {MemoryTerminal} from './testing/memory-terminal.ts';

describe('ProgressLine', () => {
  test('writes nothing where stderr is no terminal, or when told to be quiet', async () => {
    for (const [terminal, options] of [
      [new MemoryTerminal(), {}],
      [new MemoryTerminal({isTTY: true}), {quiet: true}],
      [new MemoryTerminal({isTTY: true, env: {TERM: 'dumb'}}), {}],
    ] as const) {
      const clock = new ManualClock();
      const line = new ProgressLine(terminal, clock, options);
      line.update('waiting');
      await clock.advance(1000);
      line.clear();
      expect(terminal.text('stderr')).toBe('');
      expect(clock.pendingTimers).toBe(0);
    }
  });

  test('shows up after a moment, follows updates, and leaves nothing behind', async () => {
    const terminal = new MemoryTerminal({isTTY: true, env: {NO_COLOR: '1'}});
    const clock = new ManualClock();
    const line = new ProgressLine(terminal, clock);
    line.update('hello: Pending');
    await clock.advance(150);
    expect(terminal.text('stderr')).toBe('');
    await clock.advance(100);
    expect(terminal.text('stderr')).toBe('\r\u001b[2K⠙ hello: Pending 0s');
    line.update('hello: Running');
    expect(terminal.text('stderr')).toMatch(/⠙ hello: Running 0s$/);
    await clock.advance(2000);
    expect(terminal.text('stderr')).toMatch(/hello: Running 2s$/);
    line.clear();
    expect(terminal.text('stderr').endsWith('\r\u001b[2K')).toBe(true);
    expect(clock.pendingTimers).toBe(0);
  });

  test('never takes more than one line', async () => {
    const terminal = new MemoryTerminal({isTTY: true, columns: 40, env: {NO_COLOR: '1'}});
    const clock = new ManualClock();
    const line = new ProgressLine(terminal, clock);
    line.update('x'.repeat(200));
    await clock.advance(250);
    line.clear();
    const shown = terminal.text('stderr').split('\u001b[2K')[1] ?? '';
    expect(shown.replace('\r', '').length).toBeLessThan(40);
  });

  test('a Run that ends at once never shows it', async () => {
    const terminal = new MemoryTerminal({isTTY: true});
    const clock = new ManualClock();
    const line = new ProgressLine(terminal, clock);
    line.update('hello: Pending');
    await clock.advance(20);
    line.clear();
    await clock.advance(1000);
    expect(terminal.text('stderr')).toBe('');
  });
});
