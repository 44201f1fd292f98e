import type {IncomingHttpHeaders} from 'node:http';
import {isBrokenConnection} from './connection-error.ts';

/** Longest pause that is waited out; a server that asks for more gets its answer passed on as an error. */
const longestPauseMs = 60_000;
const firstPauseMs = 1_000;
const firstReconnectPauseMs = 50;
const longestReconnectPauseMs = 5_000;

/** Seconds of a Retry-After header. Dates are not understood, as the API server sends none. */
export function retryAfterSeconds(headers: IncomingHttpHeaders): number | undefined {
  const value = headers['retry-after'];
  return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
}

/**
 * Milliseconds to wait before a request is repeated, or undefined when it must not be: as client-go does, a 429 or 5xx
 * with Retry-After says that the server did not take the request up, whatever its method. A 429 without it is repeated
 * with a rising pause.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/rest/with_retry.go
 */
export function pauseAfterAnswer(
  status: number,
  headers: IncomingHttpHeaders,
  attempt: number,
  random: () => number,
): number | undefined {
  if (status !== 429 && status < 500) return undefined;
  const asked = retryAfterSeconds(headers);
  if (asked === undefined && status !== 429) return undefined;
  const baseMs = asked === undefined ? Math.min(firstPauseMs * 2 ** attempt, longestPauseMs) : asked * 1000;
  if (baseMs > longestPauseMs) return undefined;
  // Never earlier than asked, and spread, so that those who were refused together do not come back together.
  return Math.max(baseMs, 10) * (1 + 0.25 * random());
}

/**
 * The same for a request without an answer. Only reads are repeated, and only where an established connection broke: a
 * write may have been carried out, and a connection that cannot be made is for the caller to know about.
 */
export function pauseAfterError(
  method: string,
  error: unknown,
  attempt: number,
  random: () => number,
): number | undefined {
  if (method !== 'GET' || !isBrokenConnection(error)) return undefined;
  return Math.min(firstReconnectPauseMs * 2 ** attempt, longestReconnectPauseMs) * (0.5 + 0.5 * random());
}
