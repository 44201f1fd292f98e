import type {IncomingMessage} from 'node:http';
import {type StatusError, statusErrors} from '../errors/status-error.ts';
import type {BodyShare} from '../flow/body-budget.ts';

/** As kube-apiserver has it. */
export const BODY_LIMIT = 3 * 1024 * 1024;

export interface BodyOptions {
  /** Bytes. Default: {@link BODY_LIMIT}. */
  limit?: number;
  /** Until the whole body is there. Default: 60 s. */
  timeoutMs?: number;
  /** Of the memory that all bodies together may take. Default: there is no bound but {@link limit}. */
  share?: BodyShare;
}

function tooLarge(limit: number): StatusError {
  return statusErrors.tooLarge(`Request entity too large: limit is ${limit}`);
}

/**
 * Reads the body of a request.
 *
 * @throws StatusError 413, 429 where there is no memory for it, 504 of a body that does not come
 */
export async function readBody(
  request: IncomingMessage,
  {limit = BODY_LIMIT, timeoutMs = 60_000, share}: BodyOptions = {},
): Promise<Buffer> {
  if (Number(request.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  return await new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      request.off('data', onData).off('end', onEnd).off('error', onGone).off('close', onGone);
      end();
    };
    const fail = (error: unknown): void =>
      settle(() => {
        // What still comes is not kept.
        request.pause();
        reject(error);
      });
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) fail(tooLarge(limit));
      else if (share?.take(chunk.length) === false) {
        fail(statusErrors.tooManyRequests('Too many requests, please try again later.', 1));
      } else chunks.push(chunk);
    };
    const onEnd = (): void => settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    // The client went away, or its connection broke: that is no error of the server.
    const onGone = (): void => fail(statusErrors.badRequest('unexpected EOF'));
    const timer = setTimeout(() => fail(statusErrors.timeout('request body was not received in time', 1)), timeoutMs);
    request.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone);
  });
}
