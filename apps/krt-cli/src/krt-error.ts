import {exitCodes} from './exit-code.ts';

/** Every way in which krt itself fails; each is a row of docs/errors.md. */
export type KrtErrorCode =
  | 'USAGE'
  | 'KUBECONFIG'
  | 'UNREACHABLE'
  | 'UNAUTHORIZED'
  | 'FORBIDDEN'
  | 'NOT_INSTALLED'
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  | 'CONFLICT'
  | 'INVALID'
  | 'RUN_DELETED'
  | 'LOGS_UNAVAILABLE'
  | 'ARTIFACTS_UNAVAILABLE'
  | 'DIGEST_MISMATCH'
  | 'FILE_EXISTS'
  | 'FILE_FAILED'
  | 'WAIT_TIMED_OUT'
  | 'DEV_FAILED'
  | 'API';

export interface KrtErrorOptions {
  /** What to do about it: one sentence without a final stop. */
  hint?: string;
  /** Exit code of the process. Default: 2 for `USAGE`, 122 for `WAIT_TIMED_OUT`, else 125. */
  exitCode?: number;
  /** Whether the same command may succeed later. Default false. */
  retryable?: boolean;
  cause?: unknown;
}

/** The only error that commands throw on purpose; shown as one line, without a stack. */
export class KrtError extends Error {
  override readonly name = 'KrtError';
  readonly code: KrtErrorCode;
  readonly hint: string | undefined;
  readonly exitCode: number;
  readonly retryable: boolean;

  constructor(code: KrtErrorCode, message: string, options: KrtErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : {cause: options.cause});
    this.code = code;
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? defaultExitCode(code);
    this.retryable = options.retryable ?? false;
  }

  /** The same error with other advice. */
  withHint(hint: string): KrtError {
    const {code, message, exitCode, retryable, cause} = this;
    return new KrtError(code, message, {hint, exitCode, retryable, cause});
  }
}

function defaultExitCode(code: KrtErrorCode): number {
  if (code === 'USAGE') return exitCodes.usage;
  if (code === 'WAIT_TIMED_OUT') return exitCodes.waitTimedOut;
  return exitCodes.failure;
}

export function usageError(message: string, hint?: string): KrtError {
  return new KrtError('USAGE', message, hint === undefined ? {} : {hint});
}
