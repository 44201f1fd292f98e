import type {Command, Option} from 'commander';
import {exitCodeRows} from '../exit-code.ts';

/** docs/cli.md from the command tree: what `--help` says, for reading. */
export function cliReference(program: Command): string {
  const sections = [
    '<!-- Generated from the commands themselves by `node --run generate` in apps/krt-cli. -->',
    '# krt',
    program.description(),
    'Also a plug-in of kubectl: `kubectl krt` is the same program. Kubeconfig, context and namespace are found by ' +
      "kubectl's rules. What stands after `--` belongs to the program that is run.",
    '## Commands',
    list(program.commands.map((each) => `[\`krt ${each.name()}\`](#krt-${each.name()}): ${each.summary()}`)),
    '## Flags of every command',
    flagTable(visible(program).filter((option) => option.long !== '--version')),
    '## Exit codes',
    table(
      ['code', 'meaning'],
      exitCodeRows.map(({code, meaning}) => [code, meaning]),
    ),
    'A program may exit with one of these numbers itself. Every other ending is therefore said in one line on stderr that ' +
      'begins with `krt:` or `error:`.',
    '## Environment',
    table(
      ['variable', 'meaning'],
      [
        ['KUBECONFIG', 'kubeconfig files, as for kubectl'],
        ['NO_COLOR', 'no colours; without it there are colours on a terminal only'],
        ['KRT_DEBUG', 'print the stack of an unexpected error'],
      ],
    ),
    ...program.commands.flatMap((each) => commandSections(each, 'krt')),
  ];
  return `${sections.filter(Boolean).join('\n\n')}\n`;
}

function commandSections(command: Command, parent: string): string[] {
  const path = `${parent} ${command.name()}`;
  const aliases = command.aliases();
  const flags = visible(command);
  return [
    `${'#'.repeat(path.split(' ').length)} ${path}`,
    command.description().replace(/([^\n])\n(?=[^\n])/g, '$1  \n'),
    command.commands.length > 0 ? '' : `\`\`\`\n${path} ${command.usage()}\n\`\`\``,
    aliases.length > 0 ? `Also: ${aliases.map((each) => `\`${parent} ${each}\``).join(', ')}.` : '',
    command.registeredArguments.length > 0
      ? table(
          ['argument', 'meaning'],
          command.registeredArguments.map((each) => [`\`${each.name()}\``, each.description]),
        )
      : '',
    flags.length > 0 ? flagTable(flags) : '',
    examplesOf(command),
    ...command.commands.flatMap((each) => commandSections(each, path)),
  ];
}

function visible(command: Command): Option[] {
  return command.options.filter((option) => !option.hidden);
}

function flagTable(options: readonly Option[]): string {
  const rows = options.map((option) => {
    const fallback = option.defaultValueDescription ? ` (default: ${option.defaultValueDescription})` : '';
    return [`\`${option.flags}\``, `${option.description}${fallback}`];
  });
  return table(['flag', 'meaning'], rows);
}

/** The examples as `--help` prints them. */
function examplesOf(command: Command): string {
  let help = '';
  command.configureOutput({
    writeOut: (text) => {
      help += text;
    },
  });
  command.outputHelp();
  const examples = /\nExamples:\n([\s\S]*?)(?:\n\nFlags for cluster|\n*$)/.exec(help)?.[1];
  return examples ? `\`\`\`sh\n${examples.replace(/^ {2}/gm, '').trim()}\n\`\`\`` : '';
}

function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((each) => each.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(headers), line(headers.map(() => '---')), ...rows.map(line)].join('\n');
}

function list(items: readonly string[]): string {
  return items.map((each) => `- ${each}`).join('\n');
}
