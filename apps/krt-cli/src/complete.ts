import type {Argument, Command, Option} from 'commander';
import {type CompletionSource, completionSourceOf, flagsOf} from './completion-source.ts';
import type {ConnectionFlags} from './connection.ts';
import {type ExitCode, exitCodes} from './exit-code.ts';
import {type Terminal, write} from './terminal.ts';

/**
 * Completion in cobra's protocol, which kubectl speaks to `kubectl_complete-krt`: one candidate a line, a tab and a
 * description after it where there is one, and a last line `:directive`.
 * @see https://pkg.go.dev/github.com/spf13/cobra#ShellCompDirective
 */
export const directives = {noSpace: 2, noFiles: 4} as const;

export interface Completion {
  candidates: Candidate[];
  /** Sum of {@link directives}; 0 lets the shell complete file names. */
  directive: number;
}

export interface Candidate {
  value: string;
  description?: string | undefined;
}

/** Looks names up in the cluster. An empty answer is better than a late one. */
export type NameLookup = (
  source: CompletionSource,
  flags: ConnectionFlags,
  words: readonly string[],
) => Promise<Candidate[]>;

/** A person waits with a finger on the tab key. */
const lookupTimeoutMs = 3000;

export async function complete(program: Command, words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const {lookUpNames} = await import('./completion-names.ts');
  const lookup: NameLookup = async (source, flags, args) =>
    await lookUpNames(source, flags, args, terminal.env, lookupTimeoutMs);
  const {candidates, directive} = await completeWords(program, words, lookup);
  const lines = candidates.map(({value, description}) => (description ? `${value}\t${description}` : value));
  await write(terminal.stdout, `${[...lines, `:${directive}`].join('\n')}\n`);
  return exitCodes.ok;
}

/**
 * @param words everything after the program's name; the last one is what is being typed, possibly empty
 */
export async function completeWords(
  program: Command,
  words: readonly string[],
  lookup: NameLookup,
): Promise<Completion> {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  const position = walk(program, before);
  // After `--` the words belong to somebody else's program.
  if (position.separated) return {candidates: [], directive: 0};
  const inline = /^(--?[^=]+)=(.*)$/s.exec(typed);
  const pending = inline ? findOption(position.command, inline[1] ?? '') : position.pendingOption;
  const flags = position.flags;
  if (pending) {
    const value = inline ? (inline[2] ?? '') : typed;
    const found = await candidatesOf(completionSourceOf(pending), value, flags, position.operands, lookup);
    if (!inline) return found;
    return {...found, candidates: found.candidates.map((each) => ({...each, value: `${inline[1]}=${each.value}`}))};
  }
  if (typed.startsWith('-'))
    return {candidates: flagCandidates(position.command, typed), directive: directives.noFiles};
  const subcommands = position.operands.length === 0 ? subcommandCandidates(position.command, typed) : [];
  if (subcommands.length > 0 || position.command.commands.length > 0)
    return {candidates: subcommands, directive: directives.noFiles};
  const argument = argumentAt(position.command, position.operands.length);
  if (!argument) return {candidates: [], directive: directives.noFiles};
  return await candidatesOf(completionSourceOf(argument), typed, flags, position.operands, lookup);
}

interface Position {
  command: Command;
  operands: string[];
  pendingOption: Option | undefined;
  separated: boolean;
  flags: ConnectionFlags;
}

function walk(program: Command, words: readonly string[]): Position {
  const position: Position = {command: program, operands: [], pendingOption: undefined, separated: false, flags: {}};
  for (const word of words) {
    if (position.separated) continue;
    if (position.pendingOption) {
      setFlag(position, position.pendingOption, word);
      position.pendingOption = undefined;
    } else if (word === '--') {
      position.separated = true;
    } else if (word.startsWith('-')) {
      const [name = '', value] = word.split(/=(.*)/s);
      const option = findOption(position.command, name);
      if (!option?.required) continue;
      if (value === undefined) position.pendingOption = option;
      else setFlag(position, option, value);
    } else {
      const child = position.operands.length === 0 ? findCommand(position.command, word) : undefined;
      if (child) position.command = child;
      else position.operands.push(word);
    }
  }
  return position;
}

function setFlag(position: Position, option: Option, value: string): void {
  Object.assign(position.flags, {[option.attributeName()]: value});
}

function findCommand(command: Command, word: string): Command | undefined {
  return command.commands.find((each) => each.name() === word || each.aliases().includes(word));
}

function findOption(command: Command, name: string): Option | undefined {
  return allFlags(command).find((option) => option.long === name || option.short === name);
}

function allFlags(command: Command): Option[] {
  const result: Option[] = [];
  for (let current: Command | null = command; current; current = current.parent) result.push(...flagsOf(current));
  return result.filter((option, i) => result.findIndex((each) => each.long === option.long) === i);
}

function flagCandidates(command: Command, typed: string): Candidate[] {
  return allFlags(command)
    .map((option) => ({value: option.long ?? option.short ?? '', description: option.description}))
    .filter(({value}) => value.startsWith(typed));
}

function subcommandCandidates(command: Command, typed: string): Candidate[] {
  return command.commands
    .filter((each) => each.name().startsWith(typed))
    .map((each) => ({value: each.name(), description: each.summary() || each.description()}));
}

function argumentAt(command: Command, index: number): Argument | undefined {
  const {registeredArguments} = command;
  const last = registeredArguments.at(-1);
  return registeredArguments[index] ?? (last?.variadic ? last : undefined);
}

async function candidatesOf(
  source: CompletionSource,
  typed: string,
  flags: ConnectionFlags,
  operands: readonly string[],
  lookup: NameLookup,
): Promise<Completion> {
  if (source.kind === 'files') return {candidates: [], directive: 0};
  if (source.kind === 'none') return {candidates: [], directive: directives.noFiles};
  const all =
    source.kind === 'values' ? source.values.map((value) => ({value})) : await lookup(source, flags, operands);
  const candidates = all.filter(
    ({value}) =>
      value.startsWith(typed) && !((source.kind === 'runs' || source.kind === 'artifacts') && operands.includes(value)),
  );
  const open = candidates.length > 0 && candidates.every(({value}) => value.endsWith('='));
  return {candidates, directive: directives.noFiles + (open ? directives.noSpace : 0)};
}
