import {ACCUMULATOR, type Call, type Comprehension, call, type Expr} from './ast.ts';
import {CelError, type Position} from './cel-error.ts';
import {isNumber} from './values.ts';

/** Replaces a call by what it stands for; undefined where the call is none of this macro's. */
type Expansion = (target: Expr, args: readonly Expr[], at: Position, name: string) => Expr | undefined;

/** Name of the list in an expanded `sortBy`; no source can write it. */
const SORTED = '@sorted';

/** The macros by name: of the language, of two-variable comprehensions, of optional values, and `cel.bind`. */
const receiverMacros: Readonly<Record<string, Expansion>> = {
  all: quantifier((predicate, at) => ({
    init: truth(true, at),
    condition: call('@not_strictly_false', [accumulator(at)], at),
    step: call('_&&_', [accumulator(at), predicate], at),
    result: accumulator(at),
  })),
  exists: quantifier((predicate, at) => ({
    init: truth(false, at),
    condition: call('@not_strictly_false', [call('!_', [accumulator(at)], at)], at),
    step: call('_||_', [accumulator(at), predicate], at),
    result: accumulator(at),
  })),
  exists_one: quantifier(exactlyOne),
  existsOne: quantifier(exactlyOne),
  map: (target, args, at) => {
    const [variable, second, third] = args;
    if (variable === undefined || second === undefined || args.length > 3) return undefined;
    const transform = third ?? second;
    const append = call('_+_', [accumulator(at), list([transform], at)], at);
    const step = third === undefined ? append : call('_?_:_', [second, append, accumulator(at)], at);
    return fold(target, [identifier(variable)], {init: list([], at), condition: truth(true, at), step}, at);
  },
  filter: (target, args, at) => {
    const [variable, predicate] = args;
    if (variable === undefined || predicate === undefined || args.length !== 2) return undefined;
    const append = call('_+_', [accumulator(at), list([variable], at)], at);
    const step = call('_?_:_', [predicate, append, accumulator(at)], at);
    return fold(target, [identifier(variable)], {init: list([], at), condition: truth(true, at), step}, at);
  },
  transformList: transformation((value, at) => ({
    init: list([], at),
    append: call('_+_', [accumulator(at), list([value], at)], at),
  })),
  transformMap: transformation((value, at, key) => ({
    init: {kind: 'map', entries: [], at},
    append: call('@insert', [accumulator(at), key, value], at),
  })),
  transformMapEntry: transformation((entry, at) => ({
    init: {kind: 'map', entries: [], at},
    append: call('@insert', [accumulator(at), entry], at),
  })),
  optMap: (target, args, at) => optionalMap(target, args, at, (value) => call('optional.of', [value], at)),
  optFlatMap: (target, args, at) => optionalMap(target, args, at, (value) => value),
  sortBy: (target, args, at) => {
    const [variable, key] = args;
    if (variable === undefined || key === undefined || args.length !== 2) return undefined;
    const input: Expr = {kind: 'ident', name: SORTED, at};
    const append = call('_+_', [accumulator(at), list([key], at)], at);
    const keys = fold(
      input,
      [identifier(variable)],
      {init: list([], at), condition: truth(true, at), step: append},
      at,
    );
    return bind(SORTED, target, {kind: 'call', name: '@sortByAssociatedKeys', target: input, args: [keys], at}, at);
  },
  greatest: extremum,
  least: extremum,
  bind: (target, args, at) => {
    const [variable, init, body] = args;
    if (target.kind !== 'ident' || target.name !== 'cel' || args.length !== 3) return undefined;
    if (variable === undefined || init === undefined || body === undefined) return undefined;
    return bind(identifier(variable), init, body, at);
  },
};

/** All of cel-go's extensions that are known here, or those of Kubernetes only. */
export type Extensions = 'all' | 'kubernetes';

const notInKubernetes: ReadonlySet<string> = new Set(['bind', 'greatest', 'least']);

/** Expands `target.name(args)`, or `name(args)` without a target, if it is a macro. @throws CelError `SYNTAX` */
export function expandMacro(expression: Call, extensions: Extensions): Expr {
  const {name, target, args, at} = expression;
  if (target !== undefined) {
    const isKnown = Object.hasOwn(receiverMacros, name) && !(extensions === 'kubernetes' && notInKubernetes.has(name));
    const expansion = isKnown ? receiverMacros[name] : undefined;
    return expansion?.(target, args, at, name) ?? expression;
  }
  if (name !== 'has' || args.length !== 1) return expression;
  const [operand] = args;
  if (operand?.kind === 'select' && !operand.testOnly) return {...operand, testOnly: true, at};
  throw new CelError('SYNTAX', 'invalid argument to has() macro', operand?.at ?? at);
}

type Fold = Pick<Comprehension, 'init' | 'condition' | 'step'> & {result?: Expr};

function quantifier(parts: (predicate: Expr, at: Position) => Fold): Expansion {
  return (target, args, at) => {
    const predicate = args.at(-1);
    if (predicate === undefined || args.length < 2 || args.length > 3) return undefined;
    return fold(target, args.slice(0, -1).map(identifier), parts(predicate, at), at);
  };
}

function exactlyOne(predicate: Expr, at: Position): Fold {
  const one: Expr = {kind: 'literal', value: 1n, at};
  return {
    init: {kind: 'literal', value: 0n, at},
    condition: truth(true, at),
    step: call('_?_:_', [predicate, call('_+_', [accumulator(at), one], at), accumulator(at)], at),
    result: call('_==_', [accumulator(at), one], at),
  };
}

function transformation(parts: (value: Expr, at: Position, key: Expr) => {init: Expr; append: Expr}): Expansion {
  return (target, args, at) => {
    const [key, value, third, fourth] = args;
    if (key === undefined || value === undefined || third === undefined || args.length > 4) return undefined;
    const {init, append} = parts(fourth ?? third, at, key);
    const step = fourth === undefined ? append : call('_?_:_', [third, append, accumulator(at)], at);
    return fold(target, [identifier(key), identifier(value)], {init, condition: truth(true, at), step}, at);
  };
}

function optionalMap(target: Expr, args: readonly Expr[], at: Position, wrap: (value: Expr) => Expr): Expr | undefined {
  const [variable, body] = args;
  if (variable === undefined || body === undefined || args.length !== 2) return undefined;
  const name = identifier(variable);
  const value: Expr = {kind: 'call', name: 'value', target, args: [], at};
  const has: Expr = {kind: 'call', name: 'hasValue', target, args: [], at};
  return call('_?_:_', [has, wrap(bind(name, value, body, at)), call('optional.none', [], at)], at);
}

/** More than two arguments of `math.greatest` and `math.least` become one list. */
function extremum(target: Expr, args: readonly Expr[], at: Position, name: string): Expr | undefined {
  if (target.kind !== 'ident' || target.name !== 'math') return undefined;
  if (args.length === 0) throw new CelError('SYNTAX', `math.${name}() requires at least one argument`, at);
  const wrong = args.find((argument) => argument.kind === 'literal' && !isNumber(argument.value));
  if (wrong !== undefined)
    throw new CelError('SYNTAX', `math.${name}() simple literal arguments must be numeric`, wrong.at);
  return args.length > 2 ? {kind: 'call', name, target, args: [list(args, at)], at} : undefined;
}

function bind(variable: string, init: Expr, body: Expr, at: Position): Expr {
  return {
    kind: 'comprehension',
    range: list([], at),
    variable: '#unused',
    secondVariable: undefined,
    accumulator: variable,
    init,
    condition: truth(false, at),
    step: {kind: 'ident', name: variable, at},
    result: body,
    at,
  };
}

function fold(range: Expr, variables: readonly string[], {init, condition, step, result}: Fold, at: Position): Expr {
  const [variable = '', secondVariable] = variables;
  if (variable === secondVariable) throw new CelError('SYNTAX', `duplicate variable name: ${variable}`, at);
  return {
    kind: 'comprehension',
    range,
    variable,
    secondVariable,
    accumulator: ACCUMULATOR,
    init,
    condition,
    step,
    result: result ?? accumulator(at),
    at,
  };
}

function identifier(expression: Expr): string {
  if (expression.kind === 'ident' && !expression.name.startsWith('.')) return expression.name;
  throw new CelError('SYNTAX', 'argument is not an identifier', expression.at);
}

function accumulator(at: Position): Expr {
  return {kind: 'ident', name: ACCUMULATOR, at};
}

function list(elements: readonly Expr[], at: Position): Expr {
  return {kind: 'list', elements: elements.map((value) => ({value, optional: false})), at};
}

function truth(value: boolean, at: Position): Expr {
  return {kind: 'literal', value, at};
}
