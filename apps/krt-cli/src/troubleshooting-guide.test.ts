import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {describe, expect, test} from '@jest/globals';
import {reasonDescriptions} from '@kruntimes/api-types';
import type {Command} from 'commander';
import {checkNames} from './doctor/checks.ts';
import {createProgram} from './program.ts';
import {MemoryTerminal} from './testing/memory-terminal.ts';

const page = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`../../../docs/${name}.md`, import.meta.url)), 'utf8');

const program = createProgram({
  program: 'krt',
  argv: [],
  terminal: new MemoryTerminal(),
  context: () => Promise.reject(new Error('not needed')),
  finish: () => undefined,
});

/** Everything that a page shows as a command line of `name`: in a block of code or between back-ticks. */
function commandsOf(text: string, name: string): string[] {
  const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, lines = '']) => lines.split('\n'));
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
  return [...blocks, ...spans]
    .map((line) => line.replace(/ #.*$/, '').trim())
    .filter((line) => line.startsWith(`${name} `));
}

/** What of a command line of krt does not exist; undefined when all of it does. */
function problemOf(line: string): string | undefined {
  // The flags of every command may stand before its name.
  const words = line
    .replace(/^krt (?:(?:-n|--namespace|--context) \S+ )+/, 'krt ')
    .split(/\s+/)
    .slice(1);
  let command: Command = program;
  while (words[0] !== undefined) {
    const child = command.commands.find((each) => each.name() === words[0] || each.aliases().includes(words[0] ?? ''));
    if (child === undefined) break;
    command = child;
    words.shift();
  }
  if (command === program || (command.commands.length > 0 && words.length > 0))
    return `${line}: there is no such command`;
  const flags = new Set([...command.options, ...program.options].flatMap(({short, long}) => [short, long]));
  const own = words.slice(0, words.includes('--') ? words.indexOf('--') : words.length);
  const unknown = own
    .map((word) => word.replace(/=.*$/, ''))
    .find((word) => /^--?[a-z]/i.test(word) && !flags.has(word));
  return unknown === undefined ? undefined : `${line}: ${command.name()} has no flag ${unknown}`;
}

describe('docs/troubleshooting.md', () => {
  const text = page('troubleshooting');

  test('names each reason of a Run, and the checks of krt doctor that it refers to', () => {
    for (const reason of Object.keys(reasonDescriptions)) expect(text).toContain(`\`${reason}\``);
    const checks = [...text.matchAll(/\(checks? ((?:`[a-z-]+`(?: and )?)+)\)/g)];
    const names = checks.flatMap(([, list = '']) => [...list.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name));
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(checkNames).toContain(name);
  });

  test.each(['troubleshooting', 'metrics', 'tracing', 'operations'])(
    'the commands of krt on the page %s exist',
    (name) => {
      expect(commandsOf(page(name), 'krt').map(problemOf).filter(Boolean)).toEqual([]);
    },
  );

  test('it has enough commands, and of kubectl only what every version has', () => {
    expect(commandsOf(text, 'krt').length).toBeGreaterThan(15);
    const verbs = new Set(commandsOf(text, 'kubectl').map((line) => line.split(' ')[1]));
    expect([...verbs].toSorted()).toEqual(['auth', 'describe', 'get', 'logs', 'scale', 'version']);
  });

  test('a command or a flag that does not exist is found', () => {
    expect(problemOf('krt runtime list -A')).toBeUndefined();
    expect(problemOf('krt explain NAME')).toContain('no such command');
    expect(problemOf('krt why NAME --verbose')).toContain('no flag --verbose');
  });
});
