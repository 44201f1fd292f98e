import {isApiError, isNotFound} from '@kruntimes/reconciler-kit';

/** Something that was looked for. `unknown` says why it could not be looked for, as in `no permission to get pods`. */
export type Lookup<T> = {kind: 'found'; object: T} | {kind: 'missing'} | {kind: 'unknown'; why: string};

/**
 * Reads something that the user may not be allowed to read, or that may not be there: neither is an error.
 *
 * @param what for people, as in `get pods`
 * @throws what is no answer of the API server: connections that fail
 */
export async function lookUp<T>(what: string, read: () => Promise<T>): Promise<Lookup<T>> {
  try {
    return {kind: 'found', object: await read()};
  } catch (error) {
    if (isNotFound(error)) return {kind: 'missing'};
    if (isApiError(error) && error.status === 403) return {kind: 'unknown', why: `no permission to ${what}`};
    if (isApiError(error)) return {kind: 'unknown', why: `the API server answered ${error.status} to ${what}`};
    throw error;
  }
}
