import type {Difference} from './compare.ts';

/** Differences that are meant to be, and why. */
export interface AllowedDifference {
  /** Name of a scenario. Default: any. */
  scenario?: string;
  /** Of the request. Default: any. */
  request?: RegExp;
  /** Of the path in the answer. */
  path: RegExp;
  reason: string;
}

export const allowedDifferences: readonly AllowedDifference[] = [];

export function isAllowedBy(difference: Difference, allowed: AllowedDifference): boolean {
  return (
    (allowed.scenario === undefined || allowed.scenario === difference.scenario) &&
    (allowed.request === undefined || allowed.request.test(difference.request)) &&
    allowed.path.test(difference.path)
  );
}
