import type {Command} from 'commander';
import type {FlagNames} from './argument-list.ts';

/** Which flags of the whole tree take no value. */
export function flagNames(program: Command): FlagNames {
  const booleans = new Set<string>();
  const visit = (command: Command): void => {
    for (const option of command.options) {
      if (!option.required && !option.optional && option.long) booleans.add(option.long.replace(/^--(no-)?/, ''));
    }
    for (const child of command.commands) visit(child);
  };
  visit(program);
  return {booleans};
}
