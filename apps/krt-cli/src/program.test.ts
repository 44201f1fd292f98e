import {describe, expect, test} from '@jest/globals';
import type {Command} from 'commander';
import {flagNames} from './command-flags.ts';
import {createProgram} from './program.ts';
import {MemoryTerminal} from './testing/memory-terminal.ts';

const context = () => Promise.reject(new Error('not needed'));

function program(): Command {
  return createProgram({
    program: 'kubectl krt',
    argv: [],
    terminal: new MemoryTerminal(),
    context,
    finish: () => undefined,
  });
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

describe('the command tree', () => {
  test('every command has a summary, a description and examples under the name that was called', async () => {
    for (const name of leaves(program()).map((each) => [each.parent?.name(), each.name()])) {
      const terminal = new MemoryTerminal();
      const tree = createProgram({program: 'kubectl krt', argv: [], terminal, context, finish: () => undefined});
      const path = name[0] === 'kubectl krt' ? [name[1] ?? ''] : name.map((each) => each ?? '');
      await expect(tree.parseAsync([...path, '--help'], {from: 'user'})).rejects.toMatchObject({exitCode: 0});
      const help = terminal.text('stdout');
      expect(help).toContain('Examples:\n  # ');
      expect(help).toMatch(/\n {2}.*kubectl krt /);
      expect(help).toContain('-h, --help');
    }
    for (const command of leaves(program())) {
      expect(command.summary()).not.toBe('');
      expect(command.description()).not.toBe('');
    }
  });

  test('the help of the program says all exit codes', () => {
    const terminal = new MemoryTerminal();
    const tree = createProgram({program: 'krt', argv: [], terminal, context, finish: () => undefined});
    tree.outputHelp();
    for (const code of [2, 122, 123, 124, 125, 126, 130])
      expect(terminal.text('stdout')).toMatch(new RegExp(`^ +${code} `, 'm'));
  });

  test('knows which flags take no value', () => {
    const {booleans} = flagNames(program());
    expect(booleans).toContain('wait');
    expect(booleans).toContain('headers');
    expect(booleans).not.toContain('runtime');
  });
});
