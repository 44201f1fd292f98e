import {describe, expect, test} from '@jest/globals';
import {OutputPrinter} from './output-printer.ts';
import {MemoryTerminal} from './testing/memory-terminal.ts';

const piece = (stream: 'stdout' | 'stderr', text: string | Buffer, second = 0) => ({
  stream,
  bytes: Buffer.from(text),
  time: `2026-01-01T00:00:0${second}.000000Z`,
});

describe('OutputPrinter', () => {
  test('each stream to its own, byte for byte', async () => {
    const terminal = new MemoryTerminal();
    const printer = new OutputPrinter(terminal);
    const binary = Buffer.from([0, 255, 10, 254]);
    await printer.print(piece('stdout', binary));
    await printer.print(piece('stderr', 'oops'));
    await printer.print(piece('stdout', 'end'));
    expect(terminal.bytes('stdout')).toEqual(Buffer.concat([binary, Buffer.from('end')]));
    expect(terminal.text('stderr')).toBe('oops');
    expect(printer.printedBytes).toBe(11);
  });

  test('times stand at the beginning of lines, not of pieces', async () => {
    const terminal = new MemoryTerminal();
    const printer = new OutputPrinter(terminal, {timestamps: true});
    await printer.print(piece('stdout', 'a', 1));
    await printer.print(piece('stderr', 'e\n', 2));
    await printer.print(piece('stdout', 'b\nc\n\n', 3));
    expect(terminal.text('stdout')).toBe(
      '2026-01-01T00:00:01.000000Z ab\n2026-01-01T00:00:03.000000Z c\n2026-01-01T00:00:03.000000Z \n',
    );
    expect(terminal.text('stderr')).toBe('2026-01-01T00:00:02.000000Z e\n');
  });

  test('leaves out what is older', async () => {
    const terminal = new MemoryTerminal();
    const printer = new OutputPrinter(terminal, {sinceMs: Date.parse('2026-01-01T00:00:02Z')});
    for (const second of [1, 2, 3]) await printer.print(piece('stdout', `${second}\n`, second));
    expect(terminal.text('stdout')).toBe('2\n3\n');
  });

  test('holds back everything but the last lines, then prints at once', async () => {
    const terminal = new MemoryTerminal();
    const printer = new OutputPrinter(terminal, {tailLines: 1});
    await printer.print(piece('stdout', 'a\nb\n'));
    expect(terminal.text('stdout')).toBe('');
    await printer.flushTail();
    expect(terminal.text('stdout')).toBe('b\n');
    await printer.print(piece('stdout', 'c'));
    expect(terminal.text('stdout')).toBe('b\nc');
  });
});
