import type {Argument, Command, Option} from 'commander';

/** Where the values of a flag or argument come from when the shell completes them. */
export type CompletionSource =
  | {kind: 'runs'; only?: 'open'}
  | {kind: 'runtimes'}
  | {kind: 'outputs'}
  | {kind: 'artifacts'}
  | {kind: 'namespaces'}
  | {kind: 'contexts'}
  | {kind: 'files'}
  | {kind: 'values'; values: readonly string[]}
  | {kind: 'none'};

const sources = new WeakMap<Option | Argument, CompletionSource>();

/** Remembers the source of a flag or argument; returns the same object for chaining. */
export function completedBy<T extends Option | Argument>(item: T, source: CompletionSource): T {
  sources.set(item, source);
  return item;
}

export function completionSourceOf(item: Option | Argument): CompletionSource {
  return sources.get(item) ?? {kind: 'none'};
}

/** The flags that can stand behind `command`: its own and those of the program. */
export function flagsOf(command: Command): Option[] {
  const own = command.options.filter((option) => !option.hidden);
  return command.parent
    ? [...own, ...command.parent.options.filter((option) => !option.hidden && option.long !== '--version')]
    : own;
}
