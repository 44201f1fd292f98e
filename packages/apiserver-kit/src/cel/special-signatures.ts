import {functionTable, type Implementation} from './function-table.ts';

const evaluatedElsewhere: Implementation = () => {
  throw new Error('the evaluator has a form of its own for this');
};

function signatures(...texts: string[]): Record<string, Implementation> {
  return Object.fromEntries(texts.map((text) => [text, evaluatedElsewhere]));
}

/** For the checker: what the evaluator does not look up, since not all operands are evaluated or values of any type are taken. */
export const specialSignatures = functionTable({
  '_&&_': signatures('(bool, bool): bool'),
  '_||_': signatures('(bool, bool): bool'),
  '_?_:_': signatures('(bool, A, A): A'),
  '_==_': signatures('(A, A): bool'),
  '_!=_': signatures('(A, A): bool'),
  '@in': signatures('(A, list(A)): bool', '(A, map(A, B)): bool'),
  '@not_strictly_false': signatures('(bool): bool'),
  '@insert': signatures('(map(A, B), A, B): map(A, B)', '(map(A, B), map(A, B)): map(A, B)'),
  '_[_]': signatures(
    '(list(A), int): A',
    '(map(A, B), A): B',
    '(optional(list(A)), int): optional(A)',
    '(optional(map(A, B)), A): optional(B)',
  ),
  '_[?_]': signatures(
    '(list(A), int): optional(A)',
    '(map(A, B), A): optional(B)',
    '(optional(list(A)), int): optional(A)',
    '(optional(map(A, B)), A): optional(B)',
  ),
  or: signatures('optional(A).(optional(A)): optional(A)'),
  orValue: signatures('optional(A).(A): A'),
});
