import {ApiTypesError} from './errors.ts';
import type {RunPhase} from './run-status.ts';

const terminal: ReadonlySet<RunPhase> = new Set<RunPhase>(['Succeeded', 'Failed', 'Timeout', 'Cancelled']);

/** The four phases that never change again. */
export const terminalPhases: readonly RunPhase[] = [...terminal];

const ends = terminalPhases;

/** Where each phase may lead. */
export const phaseTransitions: Readonly<Record<RunPhase, readonly RunPhase[]>> = {
  Pending: ['Scheduled', 'Cancelled'],
  Scheduled: ['Running', 'Pending', ...ends],
  Running: ['Pending', ...ends],
  Succeeded: [],
  Failed: [],
  Timeout: [],
  Cancelled: [],
};

/** True in the four phases that a Run never leaves. A Run without status is Pending. */
export function isTerminal(phase: RunPhase | undefined): boolean {
  return phase !== undefined && terminal.has(phase);
}

/** @throws {ApiTypesError} ILLEGAL_TRANSITION unless `from` may be followed by `to`. */
export function assertTransition(from: RunPhase, to: RunPhase): void {
  if (!phaseTransitions[from].includes(to)) {
    throw new ApiTypesError('ILLEGAL_TRANSITION', `a Run that is ${from} can not become ${to}`);
  }
}
