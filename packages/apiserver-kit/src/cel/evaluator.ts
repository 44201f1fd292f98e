import {ACCUMULATOR, type Call, type Comprehension, type Expr, type Select} from './ast.ts';
import {callCostOf, equalityCost} from './call-cost.ts';
import {CelError, evaluationError, noSuchOverload} from './cel-error.ts';
import type {FunctionTable, Overload} from './function-table.ts';
import {candidateNames, qualifiedName, rootName} from './names.ts';
import {
  type CelMap,
  type CelValue,
  equal,
  isList,
  isMap,
  keyText,
  MapValue,
  Optional,
  TypeValue,
  Uint,
} from './values.ts';

/** What an expression is compiled against. */
export interface EvaluationScope {
  readonly functions: FunctionTable;
  /** Namespace in which names are looked for first. */
  readonly container: string;
  readonly isVariable: (name: string) => boolean;
}

/** One evaluation. */
interface Frame {
  /** Variables of comprehensions. A fold keeps an error too: a later turn may decide without it. */
  readonly slots: (CelValue | CelError)[];
  readonly variable: (name: string) => CelValue | undefined;
  cost: number;
  readonly costLimit: number;
}

type Evaluate = (frame: Frame) => CelValue;

const typeNames = [
  'bool',
  'int',
  'uint',
  'double',
  'string',
  'bytes',
  'list',
  'map',
  'null_type',
  'type',
  'optional_type',
  'google.protobuf.Duration',
  'google.protobuf.Timestamp',
];
/** Types by the names that expressions call them by. */
export const typeValues: ReadonlyMap<string, TypeValue> = new Map(typeNames.map((name) => [name, new TypeValue(name)]));

/** A compiled expression. It holds no state: any number of evaluations may use it. */
export interface Evaluator {
  /**
   * @param variable gives the value of a variable; it is asked only for those that are read
   * @param costLimit see {@link EvaluationResult.cost}
   * @throws CelError `EVALUATION`, `COST`
   */
  evaluate(variable: (name: string) => CelValue | undefined, costLimit?: number): EvaluationResult;
}

export interface EvaluationResult {
  readonly value: CelValue;
  /** Steps that were taken, as cel-go counts them: one for each name, selection and call, more for calls on long values. */
  readonly cost: number;
}

/** Turns an expression into closures. */
export function compileEvaluator(expression: Expr, scope: EvaluationScope): Evaluator {
  const compiler = new Compiler(scope);
  const run = compiler.compile(expression, new Map());
  return {
    evaluate(variable, costLimit = Number.POSITIVE_INFINITY) {
      const frame = {
        slots: Array.from<CelValue | CelError>({length: compiler.slots}).fill(null),
        variable,
        cost: 0,
        costLimit,
      };
      return {value: run(frame), cost: frame.cost};
    },
  };
}

/** Slots of the variables of the comprehensions around an expression. */
type Locals = ReadonlyMap<string, number>;

class Compiler {
  readonly #scope: EvaluationScope;
  slots = 0;

  constructor(scope: EvaluationScope) {
    this.#scope = scope;
  }

  compile(expression: Expr, locals: Locals): Evaluate {
    switch (expression.kind) {
      case 'literal':
        return constant(expression.value);
      case 'ident':
        return this.#name(expression.name, locals) ?? unknownName(expression.name);
      case 'select':
        return this.#select(expression, locals);
      case 'call':
        return this.#call(expression, locals);
      case 'list':
        return this.#list(expression, locals);
      case 'map':
        return this.#map(expression, locals);
      case 'struct':
        return () => {
          throw evaluationError(`unknown type: ${expression.name}`);
        };
      case 'comprehension':
        return this.#comprehension(expression, locals);
    }
  }

  /** A variable or a type of this name, which may have dots; undefined where there is none. */
  #name(name: string, locals: Locals): Evaluate | undefined {
    const slot = locals.get(name);
    if (slot !== undefined) {
      return (frame) => {
        charge(frame, 1);
        const value = frame.slots[slot] as CelValue | CelError;
        if (value instanceof CelError) throw value;
        return value;
      };
    }
    for (const candidate of candidateNames(this.#scope.container, name)) {
      if (this.#scope.isVariable(candidate)) {
        return (frame) => {
          charge(frame, 1);
          const value = frame.variable(candidate);
          if (value === undefined) throw evaluationError(`no such attribute(s): ${candidate}`);
          return value;
        };
      }
      const type = typeValues.get(candidate);
      if (type) return constant(type);
    }
    return undefined;
  }

  #select(expression: Select, locals: Locals): Evaluate {
    const name = qualifiedName(expression);
    // The longest name wins, but a variable of a comprehension hides all names that begin with it.
    if (name !== undefined && !locals.has(rootName(expression) ?? '')) {
      const known = this.#name(name, locals);
      if (known) return known;
    }
    const operand = this.compile(expression.operand, locals);
    const {field, testOnly} = expression;
    if (testOnly) return (frame) => hasField(operand(frame), field);
    return (frame) => selectField(operand(charged(frame, 1)), field);
  }

  #call(expression: Call, locals: Locals): Evaluate {
    const {name, target, args} = expression;
    const compiled = args.map((argument) => this.compile(argument, locals));
    if (target !== undefined) {
      const namespaced = this.#namespaced(target, name, locals);
      if (namespaced !== undefined)
        return dispatch(namespaced, this.#overloads(namespaced, args.length, false), compiled);
      const receiver = this.compile(target, locals);
      const [first] = compiled;
      if (first !== undefined && (name === 'or' || name === 'orValue')) return alternative(name, receiver, first);
      return dispatch(name, this.#overloads(name, args.length + 1, true), [receiver, ...compiled]);
    }
    const special = specialForm(name, compiled);
    if (special) return special;
    const known = candidateNames(this.#scope.container, name).find((candidate) => this.#scope.functions.has(candidate));
    return dispatch(name, this.#overloads(known ?? name, args.length, false), compiled);
  }

  /** `math.greatest` for a call of `greatest` on `math`, where that is no variable. */
  #namespaced(target: Expr, name: string, locals: Locals): string | undefined {
    const namespace = qualifiedName(target);
    if (namespace === undefined || locals.has(rootName(target) ?? '')) return undefined;
    const names = candidateNames(this.#scope.container, `${namespace}.${name}`);
    return names.find((candidate) => this.#scope.functions.has(candidate));
  }

  #overloads(name: string, arity: number, member: boolean): Overload[] {
    const all = this.#scope.functions.get(name) ?? [];
    return all.filter((overload) => overload.member === member && overload.parameters.length === arity);
  }

  #list({elements}: Expr & {kind: 'list'}, locals: Locals): Evaluate {
    const compiled = elements.map(({value, optional}) => ({value: this.compile(value, locals), optional}));
    if (!compiled.some(({optional}) => optional)) {
      return (frame) => {
        charge(frame, 10);
        return compiled.map(({value}) => value(frame));
      };
    }
    return (frame) => {
      charge(frame, 10);
      return compiled.flatMap(({value, optional}) => {
        const element = value(frame);
        return optional ? presentValue(element) : [element];
      });
    };
  }

  #map({entries}: Expr & {kind: 'map'}, locals: Locals): Evaluate {
    const compiled = entries.map(({key, value, optional}) => ({
      key: this.compile(key, locals),
      value: this.compile(value, locals),
      optional,
    }));
    return (frame) => {
      charge(frame, 30);
      const map = new MapValue();
      for (const {key, value, optional} of compiled) {
        const name = key(frame);
        const entry = value(frame);
        for (const present of optional ? presentValue(entry) : [entry]) map.add(name, present);
      }
      return map;
    };
  }

  #comprehension(expression: Comprehension, locals: Locals): Evaluate {
    const {variable, secondVariable, accumulator} = expression;
    const range = this.compile(expression.range, locals);
    const init = this.compile(expression.init, locals);
    const [first, second, folded] = [this.slots++, this.slots++, this.slots++];
    const inside = new Map(locals).set(accumulator, folded).set(variable, first);
    if (secondVariable !== undefined) inside.set(secondVariable, second);
    const result = this.compile(expression.result, new Map(locals).set(accumulator, folded));
    const condition = this.compile(expression.condition, inside);
    const turn = this.#turn(expression, inside, folded);
    const hasTwo = secondVariable !== undefined;
    return (frame) => {
      const over = range(frame);
      // The turns add to this value in place: it must be nobody else's.
      frame.slots[folded] = init(frame);
      for (const [key, value] of pairs(over, hasTwo)) {
        frame.slots[first] = hasTwo ? key : value;
        frame.slots[second] = value;
        if (condition(frame) !== true) break;
        turn(frame);
      }
      return result(frame);
    };
  }

  /** One turn of a loop. Lists and maps that grow by one are added to and not copied. */
  #turn({step, init}: Comprehension, locals: Locals, folded: number): (frame: Frame) => void {
    const condition = step.kind === 'call' && step.name === '_?_:_' ? step.args[0] : undefined;
    const append = condition === undefined ? step : (step as Call).args[1];
    const isAccumulator = (part: Expr | undefined): boolean => part?.kind === 'ident' && part.name === ACCUMULATOR;
    if (append?.kind === 'call' && isAccumulator(append.args[0])) {
      const add = this.#addition(append, init, locals, folded);
      if (add && condition === undefined) return add;
      if (add && condition !== undefined && isAccumulator((step as Call).args[2])) {
        const holds = this.compile(condition, locals);
        return (frame) => {
          if (truth(holds(frame))) add(frame);
        };
      }
    }
    const next = this.compile(step, locals);
    return (frame) => {
      frame.slots[folded] = attempt(next, frame);
    };
  }

  #addition(append: Call, init: Expr, locals: Locals, folded: number): ((frame: Frame) => void) | undefined {
    const [, first, second] = append.args;
    if (append.name === '_+_' && init.kind === 'list' && first?.kind === 'list' && first.elements.length === 1) {
      const element = this.compile((first.elements[0] as (typeof first.elements)[number]).value, locals);
      return (frame) => void (frame.slots[folded] as CelValue[]).push(element(frame));
    }
    if (append.name !== '@insert' || init.kind !== 'map' || first === undefined) return undefined;
    const key = this.compile(first, locals);
    if (second !== undefined) {
      const value = this.compile(second, locals);
      return (frame) => (frame.slots[folded] as MapValue).add(key(frame), value(frame));
    }
    return (frame) => {
      const entry = key(frame);
      if (!isMap(entry)) throw noSuchOverload('transformMapEntry');
      for (const name of entry.keys()) (frame.slots[folded] as MapValue).add(name, entry.get(name) as CelValue);
    };
  }
}

function constant(value: CelValue): Evaluate {
  return () => value;
}

function unknownName(name: string): Evaluate {
  return () => {
    throw evaluationError(`undeclared reference to '${name}'`);
  };
}

function charge(frame: Frame, cost: number): void {
  frame.cost += cost;
  if (frame.cost > frame.costLimit) throw new CelError('COST', 'operation cancelled: actual cost limit exceeded');
}

function charged(frame: Frame, cost: number): Frame {
  charge(frame, cost);
  return frame;
}

function dispatch(name: string, overloads: readonly Overload[], args: readonly Evaluate[]): Evaluate {
  const cost = callCostOf(name);
  const [first, second] = args;
  // The overloads of an operator exclude each other: mostly the one that was right is right again.
  if (/^[_!-]/.test(name) && first && second && args.length === 2) {
    let likely: Overload | undefined;
    return (frame) => {
      const values = [first(frame), second(frame)];
      charge(frame, cost(values));
      if (likely?.accepts(values)) return likely.implementation(values[0], values[1]);
      likely = overloads.find(({accepts}) => accepts(values));
      if (likely === undefined) throw noSuchOverload(name);
      return likely.implementation(values[0], values[1]);
    };
  }
  return (frame) => {
    const values = args.map((argument) => argument(frame));
    charge(frame, cost(values));
    for (const {accepts, implementation} of overloads) if (accepts(values)) return implementation(...values);
    throw noSuchOverload(name);
  };
}

/** Operators that do not evaluate all their operands, or that take values of any type. */
function specialForm(name: string, args: readonly Evaluate[]): Evaluate | undefined {
  const [first, second, third] = args;
  if (first === undefined) return undefined;
  if (second === undefined) {
    return name === '@not_strictly_false' ? (frame) => notStrictlyFalse(first, charged(frame, 1)) : undefined;
  }
  switch (name) {
    case '_&&_':
      return junction(false, first, second);
    case '_||_':
      return junction(true, first, second);
    case '_?_:_':
      return third && ((frame) => (truth(first(frame)) ? second(frame) : third(frame)));
    case '_==_':
      return (frame) => compared(first(frame), second(frame), frame);
    case '_!=_':
      return (frame) => !compared(first(frame), second(frame), frame);
    case '@in':
      return (frame) => isIn(first(frame), second(frame), frame);
    case '_[_]':
      return (frame) => indexed(first(charged(frame, 1)), second(frame));
    case '_[?_]':
    case '_?._':
      return (frame) => optionalIndexed(first(charged(frame, 1)), second(frame));
    default:
      return undefined;
  }
}

/** `optional.or(other)`, `optional.orValue(value)`: the other is evaluated only where it is needed. */
function alternative(name: string, receiver: Evaluate, other: Evaluate): Evaluate {
  return (frame) => {
    const optional = receiver(charged(frame, 1));
    if (!(optional instanceof Optional)) throw noSuchOverload(name);
    if (optional.value !== undefined) return name === 'or' ? optional : optional.value;
    return other(frame);
  };
}

function truth(value: CelValue): boolean {
  if (typeof value !== 'boolean') throw noSuchOverload('_?_:_');
  return value;
}

function notStrictlyFalse(operand: Evaluate, frame: Frame): boolean {
  const value = attempt(operand, frame);
  return value instanceof CelError || value !== false;
}

/** `&&` is decided by false and `||` by true on either side, even where the other side is an error. */
function junction(decisive: boolean, left: Evaluate, right: Evaluate): Evaluate {
  return (frame) => {
    const first = attempt(left, frame);
    if (first === decisive) return decisive;
    const second = attempt(right, frame);
    if (second === decisive) return decisive;
    if (first instanceof CelError) throw first;
    if (second instanceof CelError) throw second;
    if (typeof first === 'boolean' && typeof second === 'boolean') return !decisive;
    throw noSuchOverload(decisive ? '_||_' : '_&&_');
  };
}

function attempt(evaluate: Evaluate, frame: Frame): CelValue | CelError {
  try {
    return evaluate(frame);
  } catch (error) {
    if (error instanceof CelError && error.code === 'EVALUATION') return error;
    throw error;
  }
}

function compared(left: CelValue, right: CelValue, frame: Frame): boolean {
  charge(frame, equalityCost(left, right));
  return equal(left, right);
}

function isIn(value: CelValue, container: CelValue, frame: Frame): boolean {
  if (isList(container)) {
    charge(frame, container.length);
    return container.some((element) => equal(element, value));
  }
  charge(frame, 1);
  if (isMap(container)) return container.get(value) !== undefined;
  throw noSuchOverload('@in');
}

function* pairs(over: CelValue, hasTwo: boolean): Iterable<[CelValue, CelValue]> {
  if (isList(over)) {
    for (let index = 0; index < over.length; index++) yield [BigInt(index), over[index] as CelValue];
  } else if (isMap(over)) {
    for (const key of over.keys()) yield [key, hasTwo ? (over.get(key) as CelValue) : key];
  } else {
    throw noSuchOverload('comprehension range');
  }
}

function presentValue(value: CelValue): CelValue[] {
  if (!(value instanceof Optional)) throw noSuchOverload('optional entry');
  return value.value === undefined ? [] : [value.value];
}

function selectField(operand: CelValue, field: string): CelValue {
  if (operand instanceof Optional) return optionalIndexed(operand, field);
  if (!isMap(operand)) throw noSuchOverload(`_._ with ${field}`);
  return found(operand, field);
}

function hasField(operand: CelValue, field: string): boolean {
  if (operand instanceof Optional) return operand.value !== undefined && hasField(operand.value, field);
  if (!isMap(operand)) throw noSuchOverload(`has ${field}`);
  return operand.get(field) !== undefined;
}

function found(map: CelMap, key: CelValue): CelValue {
  const value = map.get(key);
  if (value === undefined) throw evaluationError(`no such key: ${keyText(key)}`);
  return value;
}

function indexed(operand: CelValue, index: CelValue): CelValue {
  if (operand instanceof Optional) return optionalIndexed(operand, index);
  if (isMap(operand)) return found(operand, index);
  if (!isList(operand)) throw noSuchOverload('_[_]');
  const value = operand[listIndex(index)];
  if (value === undefined) throw evaluationError(`index out of bounds: ${keyText(index)}`);
  return value;
}

function optionalIndexed(operand: CelValue, index: CelValue): CelValue {
  const inner = operand instanceof Optional ? operand.value : operand;
  if (inner === undefined) return Optional.none;
  if (!isMap(inner) && !isList(inner)) throw noSuchOverload('_[?_]');
  const value = isMap(inner) ? inner.get(index) : inner[listIndex(index)];
  return value === undefined ? Optional.none : new Optional(value);
}

/** Any number without a fraction. */
function listIndex(index: CelValue): number {
  if (typeof index === 'bigint') return Number(index);
  if (index instanceof Uint) return Number(index.value);
  if (typeof index === 'number' && Number.isInteger(index)) return index;
  throw noSuchOverload('_[_]');
}
