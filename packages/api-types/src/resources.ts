import {INLINE_FILE, RUNS_RESOURCE} from './constants.ts';
import type {DeepReadonly} from './read-only.ts';
import type {Run} from './run.ts';
import type {RunSpec} from './run-spec.ts';
import type {Runtime} from './runtime.ts';

/** Logical units by name: whole numbers, never Kubernetes quantities. */
export type Resources = Record<string, number>;

/** What a Run occupies of its Pod: `spec.resources.requests`, with `runs: 1` unless it says otherwise. */
export function requestsOf(run: DeepReadonly<Run>): Resources {
  return {[RUNS_RESOURCE]: 1, ...run.spec.resources?.requests};
}

/** What each Pod of a Runtime offers: `spec.capacity.resources`, with `runs: 1` unless it says otherwise. */
export function capacityOf(runtime: DeepReadonly<Runtime>): Resources {
  return {[RUNS_RESOURCE]: 1, ...runtime.spec.capacity?.resources};
}

/** Whether `requests` fit into `free`; a resource that is not offered is not there. */
export function fits(requests: Readonly<Resources>, free: Readonly<Resources>): boolean {
  return Object.entries(requests).every(([name, amount]) => amount <= (free[name] ?? 0));
}

/** What is executed in the working directory; undefined if `args` is the command line itself. */
export function entrypointOf(spec: DeepReadonly<RunSpec>): string | undefined {
  return spec.entrypoint ?? (spec.source?.inline === undefined ? undefined : INLINE_FILE);
}
