import {runtimeKind} from '@kruntimes/api-types';
import type {CommandContext} from '../command-context.ts';
import type {ExitCode} from '../exit-code.ts';
import {type GetFlags, getObjects} from './get.ts';

/** `krt runtime list` and `krt runtime get NAME...` */
export async function getRuntimes(context: CommandContext, flags: GetFlags, names: string[]): Promise<ExitCode> {
  return await getObjects(context, flags, names, runtimeKind, 'Runtime');
}
