import {systemClock} from '@kruntimes/reconciler-kit';
import type {CommandContext} from './command-context.ts';
import type {Terminal} from './terminal.ts';

/** The context of the real program. In a file of its own, so that help and completion of flags load no client. */
export function systemContext(terminal: Terminal, program: string): CommandContext {
  return {terminal, clock: systemClock, random: Math.random, program};
}
