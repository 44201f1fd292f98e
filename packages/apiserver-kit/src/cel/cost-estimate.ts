import {ACCUMULATOR, type Call, type Comprehension, type Expr, type Select} from './ast.ts';
import type {CheckResult} from './checker.ts';
import {add, fixed, MAX, multiply, type Range, scaled, UNKNOWN, union} from './cost-range.ts';
import type {Program} from './environment.ts';
import {libraryCost} from './kubernetes/costs.ts';
import {qualifiedName} from './names.ts';
import {codePoints} from './standard-library.ts';
import type {CelType} from './types.ts';

/** Most elements, or bytes, of what stands at a path from a variable on; undefined where nothing is known. */
export type SizeHint = (path: readonly string[]) => number | undefined;

/**
 * The most that an expression may cost, whatever the values, in the units of {@link EvaluationResult.cost}; at most 2^64.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#resource-use-by-validation-functions
 */
export function estimateCost({expression, checked}: Program, size: SizeHint): number {
  if (!checked) throw new Error('only a checked expression has an estimate');
  return new Estimator(checked, size).cost(expression).max;
}

/** What a call costs, without its arguments, and how large its result is. */
export interface CallEstimate {
  cost: Range;
  size?: Range | undefined;
}

/** What the estimate of a call knows of an operand. */
export interface Operand {
  type: CelType;
  size: Range;
  /** Size of the elements of a list; undefined where it is none. */
  element: {type: CelType; size: Range} | undefined;
  literal: unknown;
}

/** Sizes of keys and values of a list or map that an expression makes. */
interface EntrySize {
  container: 'list' | 'map';
  key: Range;
  value: Range;
}

interface Local {
  path: readonly string[];
  size: Range | undefined;
  entry: EntrySize | undefined;
}

class Estimator {
  readonly #checked: CheckResult;
  readonly #sizeHint: SizeHint;
  readonly #paths = new Map<Expr, readonly string[]>();
  readonly #sizes = new Map<Expr, Range>();
  readonly #entries = new Map<Expr, EntrySize>();
  readonly #locals = new Map<string, Local[]>();

  constructor(checked: CheckResult, sizeHint: SizeHint) {
    this.#checked = checked;
    this.#sizeHint = sizeHint;
  }

  cost(expression: Expr): Range {
    switch (expression.kind) {
      case 'literal':
        return fixed(0);
      case 'ident':
        this.#paths.set(expression, this.#local(expression.name)?.path ?? [expression.name]);
        return fixed(1);
      case 'select':
        return this.#select(expression);
      case 'call':
        return this.#call(expression);
      case 'list':
        return this.#list(expression);
      case 'map':
        return this.#map(expression);
      case 'struct':
        return expression.fields.reduce((sum, {value}) => add(sum, this.cost(value)), fixed(40));
      case 'comprehension':
        return isBinding(expression) ? this.#binding(expression) : this.#comprehension(expression);
    }
  }

  #type(expression: Expr): CelType {
    return this.#checked.typeOf(expression) ?? {kind: 'dyn'};
  }

  #select(expression: Select): Range {
    const {operand, field, testOnly} = expression;
    const cost = this.cost(operand);
    if (testOnly) return cost;
    this.#paths.set(expression, [...this.#path(operand), field]);
    const {kind} = this.#type(operand);
    return kind === 'map' || kind === 'object' || kind === 'param' ? add(cost, fixed(1)) : cost;
  }

  #list(expression: Expr & {kind: 'list'}): Range {
    let sum = fixed(10);
    let item: Range | undefined;
    for (const {value} of expression.elements) {
      sum = add(sum, this.cost(value));
      item = union(item, this.#sizeOrUnknown(value));
    }
    this.#entries.set(expression, {container: 'list', key: fixed(1), value: item ?? fixed(0)});
    return sum;
  }

  #map(expression: Expr & {kind: 'map'}): Range {
    let sum = fixed(30);
    let keys: Range | undefined;
    let values: Range | undefined;
    for (const {key, value} of expression.entries) {
      sum = add(sum, add(this.cost(key), this.cost(value)));
      keys = union(keys, this.#sizeOrUnknown(key));
      values = union(values, this.#sizeOrUnknown(value));
    }
    this.#entries.set(expression, {container: 'map', key: keys ?? fixed(0), value: values ?? fixed(0)});
    return sum;
  }

  #binding(expression: Comprehension): Range {
    const {range, init, accumulator, result} = expression;
    const sum = add(this.cost(range), this.cost(init));
    this.#push(accumulator, {path: this.#path(init), size: this.#size(init), entry: this.#entry(init)});
    const cost = add(sum, this.cost(result));
    this.#pop(accumulator);
    const [size, entry] = [this.#size(result), this.#entry(result)];
    if (size) this.#sizes.set(expression, size);
    if (entry) this.#entries.set(expression, entry);
    return cost;
  }

  #comprehension(expression: Comprehension): Range {
    const {range, init, accumulator, variable, secondVariable, condition, step, result} = expression;
    let sum = add(this.cost(range), this.cost(init));
    this.#push(accumulator, {path: this.#path(init), size: this.#size(init), entry: this.#entry(init)});
    const entry = this.#entry(range);
    const isList = (entry?.container ?? this.#type(range).kind) === 'list';
    const path = this.#path(range);
    const keys: Local = {path: [...path, isList ? '@indices' : '@keys'], size: entry?.key, entry: undefined};
    const values: Local = {path: [...path, isList ? '@items' : '@values'], size: entry?.value, entry: undefined};
    if (secondVariable === undefined) this.#push(variable, isList ? values : keys);
    else {
      this.#push(variable, keys);
      this.#push(secondVariable, values);
    }
    const turn = add(this.cost(condition), this.cost(step));
    this.#pop(variable);
    if (secondVariable !== undefined) this.#pop(secondVariable);
    sum = add(sum, this.cost(result));
    this.#pop(accumulator);
    const count = this.#sizeOrUnknown(range);
    sum = add(sum, multiply(count, turn));
    if (init.kind === 'literal') {
      const size = this.#size(init);
      if (size) this.#sizes.set(expression, size);
    } else if (init.kind === 'list' || init.kind === 'map') {
      this.#sizes.set(expression, count);
      const made = this.#entry(step);
      if (made) this.#entries.set(expression, made);
    }
    return sum;
  }

  #call(expression: Call): Range {
    const {name, args} = expression;
    const [first] = args;
    if (name === 'dyn' && first && expression.target === undefined) {
      const cost = add(fixed(1), this.cost(first));
      const [size, entry] = [this.#size(first), this.#entry(first)];
      if (size) this.#sizes.set(expression, size);
      if (entry) this.#entries.set(expression, entry);
      return cost;
    }
    const costs = args.map((arg) => this.cost(arg));
    const isMember = expression.target !== undefined && this.#checked.typeOf(expression.target) !== undefined;
    const target = isMember ? expression.target : undefined;
    const namespace = isMember || expression.target === undefined ? undefined : qualifiedName(expression.target);
    const targetCost = target ? this.cost(target) : fixed(0);
    const estimate = this.#callEstimate(expression, namespace === undefined ? name : `${namespace}.${name}`, {
      target,
      args,
      costs,
    });
    let {size} = estimate;
    if (name === '_[_]' && first) {
      const isList = this.#type(first).kind === 'list';
      size = this.#entry(first)?.value;
      this.#paths.set(expression, [...this.#path(first), isList ? '@items' : '@values']);
    }
    size ??= this.#size(expression);
    if (size) this.#sizes.set(expression, size);
    return add(targetCost, estimate.cost);
  }

  /** With the costs of the arguments. */
  #callEstimate(
    expression: Call,
    name: string,
    {target, args, costs}: {target: Expr | undefined; args: readonly Expr[]; costs: readonly Range[]},
  ): CallEstimate {
    const sum = costs.reduce(add, fixed(0));
    const operands = args.map((arg) => this.#operand(arg));
    const own = libraryCost(name, target && this.#operand(target), operands);
    if (own) return {cost: add(own.cost, sum), size: own.size};
    const [first = fixed(0), second = fixed(0), third = fixed(0)] = costs;
    const [left, right] = operands;
    switch (name) {
      case '_&&_':
      case '_||_':
        return {cost: {min: first.min, max: add(first, second).max}};
      case '_?_:_': {
        const [, yes, no] = args;
        const entries = yes && no && unionEntries(this.#entry(yes), this.#entry(no));
        if (entries) this.#entries.set(expression, entries);
        const size = yes && no ? union(this.#sizeOrUnknown(yes), this.#sizeOrUnknown(no)) : undefined;
        return {cost: add(first, union(second, third)), size};
      }
      case '_+_':
        return left && right ? this.#addition(expression, [left, right], sum) : {cost: add(fixed(1), sum)};
      case '_==_':
      case '_!=_':
        return {cost: left && right ? add(comparison(left, right), sum) : sum};
      case '_<_':
      case '_<=_':
      case '_>_':
      case '_>=_':
        return {cost: add(left && right ? ordering(left, right) : fixed(1), sum)};
      default:
        return {
          cost: add(plainCost(name, target && this.#operand(target), operands), sum),
          ...sizeAfter(name, operands),
        };
    }
  }

  #addition(expression: Call, [left, right]: [Operand, Operand], args: Range): CallEstimate {
    const size = add(left.size, right.size);
    const kinds = [left.type.kind, right.type.kind];
    const isText = kinds.some((kind) => kind === 'string' || kind === 'bytes');
    const isList = kinds.includes('list');
    const isOpen = kinds.every((kind) => kind === 'dyn' || kind === 'param');
    if (!isText && !isList && !isOpen) return {cost: add(fixed(1), args)};
    const [a, b] = expression.args;
    const entries = a && b && unionEntries(this.#entry(a), this.#entry(b));
    if (entries) this.#entries.set(expression, entries);
    if (isList) return {cost: add(fixed(1), args), size};
    const text = scaled(size, 0.1);
    return {cost: add(isOpen ? union(text, fixed(1)) : text, args), size};
  }

  #operand(expression: Expr): Operand {
    const type = this.#type(expression);
    let element: Operand['element'];
    if (type.kind === 'list') {
      const path = this.#path(expression);
      const hint = path.length === 0 ? undefined : this.#sizeHint([...path, '@items']);
      element = {type: type.of, size: hint === undefined ? UNKNOWN : {min: 0, max: hint}};
    }
    const literal = expression.kind === 'literal' ? expression.value : undefined;
    return {type, size: this.#sizeOrUnknown(expression), element, literal};
  }

  #sizeOrUnknown(expression: Expr): Range {
    return this.#size(expression) ?? UNKNOWN;
  }

  #size(expression: Expr): Range | undefined {
    const known = this.#sizes.get(expression) ?? literalSize(expression);
    if (known) return known;
    const path = this.#path(expression);
    const hint = path.length === 0 ? undefined : this.#sizeHint(path);
    if (hint !== undefined) {
      const size = {min: 0, max: hint};
      this.#sizes.set(expression, size);
      return size;
    }
    if (isScalar(this.#type(expression))) return fixed(1);
    return expression.kind === 'ident' ? this.#local(expression.name)?.size : undefined;
  }

  #entry(expression: Expr): EntrySize | undefined {
    const known = this.#entries.get(expression);
    if (known || expression.kind !== 'ident') return known;
    return this.#local(expression.name)?.entry;
  }

  #path(expression: Expr): readonly string[] {
    if (expression.kind === 'ident') {
      const local = this.#local(expression.name);
      if (local) return local.path;
    }
    return this.#paths.get(expression) ?? [];
  }

  #local(name: string): Local | undefined {
    return this.#locals.get(name)?.at(-1);
  }

  #push(name: string, local: Local): void {
    const stack = this.#locals.get(name);
    if (stack) stack.push(local);
    else this.#locals.set(name, [local]);
  }

  #pop(name: string): void {
    this.#locals.get(name)?.pop();
  }
}

/** `cel.bind(variable, init, result)` */
function isBinding({range, condition, accumulator}: Comprehension): boolean {
  const isEmpty = range.kind === 'list' && range.elements.length === 0;
  return isEmpty && condition.kind === 'literal' && condition.value === false && accumulator !== ACCUMULATOR;
}

function unionEntries(left: EntrySize | undefined, right: EntrySize | undefined): EntrySize | undefined {
  if (!left || !right) return undefined;
  return {container: left.container, key: union(left.key, right.key), value: union(left.value, right.value)};
}

function literalSize(expression: Expr): Range | undefined {
  switch (expression.kind) {
    case 'literal': {
      const {value} = expression;
      if (typeof value === 'string') return fixed(codePoints(value));
      return fixed(value instanceof Uint8Array ? value.length : 1);
    }
    case 'list':
      return fixed(expression.elements.length);
    case 'map':
      return fixed(expression.entries.length);
    default:
      return undefined;
  }
}

function isScalar(type: CelType): boolean {
  if (type.kind === 'optional') return isScalar(type.of);
  return ['bool', 'double', 'duration', 'int', 'timestamp', 'uint'].includes(type.kind);
}

/** A tenth of the smaller one: as far as both are looked at. */
function comparison(left: Operand, right: Operand): Range {
  const max = Math.min(left.size.max, right.size.max);
  return scaled({min: max > 0 ? 1 : 0, max}, 0.1);
}

function ordering(left: Operand, right: Operand): Range {
  const kinds = [left.type.kind, right.type.kind];
  if (kinds.some((kind) => kind === 'string' || kind === 'bytes')) return comparison(left, right);
  return kinds.every((kind) => kind === 'dyn') ? union(comparison(left, right), fixed(1)) : fixed(1);
}

function plainCost(name: string, target: Operand | undefined, args: readonly Operand[]): Range {
  const [first, second] = args;
  switch (name) {
    case 'string':
      return first?.type.kind === 'bytes' ? scaled(first.size, 0.1) : fixed(1);
    case 'bytes':
      return first?.type.kind === 'string' ? scaled(first.size, 0.1) : fixed(1);
    case 'strings.quote':
      return first ? scaled(first.size, 0.1) : fixed(1);
    case 'format':
      return target ? scaled(target.size, 0.1) : fixed(1);
    case 'startsWith':
    case 'endsWith':
      return target && first ? scaled(first.size, 0.1) : fixed(1);
    case '@in':
      if (second?.type.kind === 'map' || !second) return fixed(1);
      return second.type.kind === 'list' ? second.size : union(second.size, fixed(1));
    case 'matches':
      return target && first ? multiply(scaled(add(target.size, fixed(1)), 0.1), scaled(first.size, 0.25)) : fixed(1);
    case 'contains':
      return target && first ? multiply(scaled(target.size, 0.1), scaled(first.size, 0.1)) : fixed(1);
    default:
      return fixed(1);
  }
}

function sizeAfter(name: string, [first]: readonly Operand[]): {size?: Range} {
  if (!first) return {};
  const {min, max} = first.size;
  if (name === 'bytes' && first.type.kind === 'string') return {size: {min, max: Math.min(MAX, max * 4)}};
  if (name === 'string' && first.type.kind === 'bytes') return {size: {min: Math.floor(min / 4), max}};
  if (name === 'strings.quote') return {size: {min: min + 2, max: Math.min(MAX, max * 2 + 2)}};
  return {};
}
