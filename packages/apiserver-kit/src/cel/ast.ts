import type {Position} from './cel-error.ts';
import type {CelValue} from './values.ts';

/**
 * An expression after its macros are expanded. Operators are calls with the names of the specification: `_+_`, `_[_]`, `_?_:_`, `@in`.
 *
 * @see https://github.com/google/cel-spec/blob/master/proto/cel/expr/syntax.proto
 */
export type Expr = Literal | Ident | Select | Call | ListExpr | MapExpr | StructExpr | Comprehension;

export interface Literal {
  readonly kind: 'literal';
  readonly value: CelValue;
  readonly at: Position;
}

export interface Ident {
  readonly kind: 'ident';
  /** With a leading dot where the source has one: then the name is not looked for in scopes and containers. */
  readonly name: string;
  readonly at: Position;
}

export interface Select {
  readonly kind: 'select';
  readonly operand: Expr;
  readonly field: string;
  /** `has(operand.field)` */
  readonly testOnly: boolean;
  readonly at: Position;
}

export interface Call {
  readonly kind: 'call';
  readonly name: string;
  readonly target: Expr | undefined;
  readonly args: readonly Expr[];
  readonly at: Position;
}

export interface ListExpr {
  readonly kind: 'list';
  readonly elements: readonly {readonly value: Expr; readonly optional: boolean}[];
  readonly at: Position;
}

export interface MapExpr {
  readonly kind: 'map';
  readonly entries: readonly {readonly key: Expr; readonly value: Expr; readonly optional: boolean}[];
  readonly at: Position;
}

export interface StructExpr {
  readonly kind: 'struct';
  readonly name: string;
  readonly fields: readonly {readonly name: string; readonly value: Expr; readonly optional: boolean}[];
  readonly at: Position;
}

/** A fold: `accumulator = init; for (variable of range) { if (!condition) break; accumulator = step }; result`. */
export interface Comprehension {
  readonly kind: 'comprehension';
  readonly range: Expr;
  readonly variable: string;
  /** Of a macro with two variables: `variable` is then the index or key, this the element or value. */
  readonly secondVariable: string | undefined;
  readonly accumulator: string;
  readonly init: Expr;
  readonly condition: Expr;
  readonly step: Expr;
  readonly result: Expr;
  readonly at: Position;
}

/** Name of the accumulator in expanded macros; no source can write it. */
export const ACCUMULATOR = '@result';

/** A call of an operator or function, on nothing. */
export function call(name: string, args: readonly Expr[], at: Position): Expr {
  return {kind: 'call', name, target: undefined, args, at};
}

/** The expressions that one is made of. */
export function children(expression: Expr): readonly Expr[] {
  switch (expression.kind) {
    case 'select':
      return [expression.operand];
    case 'call':
      return expression.target === undefined ? expression.args : [expression.target, ...expression.args];
    case 'list':
      return expression.elements.map(({value}) => value);
    case 'map':
      return expression.entries.flatMap(({key, value}) => [key, value]);
    case 'struct':
      return expression.fields.map(({value}) => value);
    case 'comprehension':
      return [expression.range, expression.init, expression.condition, expression.step, expression.result];
    default:
      return [];
  }
}
