/** What went wrong: the text is no expression, it cannot have a meaning, or it could not be evaluated for these values. */
export type CelErrorCode = 'SYNTAX' | 'CHECK' | 'EVALUATION' | 'COST';

/** Where in the source an expression stands: offset in UTF-16 code units. */
export type Position = number;

/** Every error of the CEL engine. */
export class CelError extends Error {
  override readonly name = 'CelError';
  readonly code: CelErrorCode;
  readonly position: Position | undefined;

  constructor(code: CelErrorCode, message: string, position?: Position) {
    super(message);
    this.code = code;
    this.position = position;
  }
}

/** An error of evaluation, as cel-go words it: `no such key: x`. */
export function evaluationError(message: string): CelError {
  return new CelError('EVALUATION', message);
}

/** @see https://github.com/google/cel-spec/blob/master/doc/langdef.md#overloads */
export function noSuchOverload(name: string): CelError {
  return evaluationError(`no such overload: ${name}`);
}

/** Line and column, both from 1, of a position. */
export function lineAndColumn(source: string, position: Position): {line: number; column: number} {
  const before = source.slice(0, position);
  const lastBreak = before.lastIndexOf('\n');
  return {line: before.split('\n').length, column: Array.from(before.slice(lastBreak + 1)).length + 1};
}
