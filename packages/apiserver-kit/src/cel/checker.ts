import type {Call, Comprehension, Expr, Select} from './ast.ts';
import type {Position} from './cel-error.ts';
import {typeValues} from './evaluator.ts';
import type {FunctionTable, Overload} from './function-table.ts';
import {candidateNames, qualifiedName, rootName} from './names.ts';
import {specialSignatures} from './special-signatures.ts';
import {isMoreGeneral, Substitution} from './substitution.ts';
import {type CelType, listType, mapType, optionalType, types, typeText} from './types.ts';
import {type CelValue, typeName} from './values.ts';

/** What an expression is checked against. */
export interface CheckScope {
  readonly functions: FunctionTable;
  readonly container: string;
  readonly variableType: (name: string) => CelType | undefined;
  /** Type of a field of a type with declared fields; undefined where there is no such field. */
  readonly fieldType: (object: string, field: string) => CelType | undefined;
  /** Whether elements of one list, and keys and values of one map, must be of one type, as Kubernetes has it. */
  readonly homogeneousLiterals: boolean;
}

/** What is wrong with an expression, in the words of cel-go. */
export interface CheckIssue {
  readonly message: string;
  readonly at: Position;
}

export interface CheckResult {
  readonly type: CelType;
  readonly issues: readonly CheckIssue[];
  /** Names of the variables that are read. */
  readonly variables: ReadonlySet<string>;
  /** Type of a part of the expression; undefined for what is none by itself: the namespace of a function. */
  readonly typeOf: (part: Expr) => CelType | undefined;
}

/** Finds the type of an expression, and what is wrong with it. */
export function check(expression: Expr, scope: CheckScope): CheckResult {
  const checker = new Checker(scope);
  const type = checker.typeOf(expression, new Map());
  return {
    type: checker.resolve(type),
    issues: checker.issues.toSorted((a, b) => a.at - b.at),
    variables: checker.variables,
    typeOf: (part) => {
      const found = checker.found.get(part);
      return found && checker.resolve(found);
    },
  };
}

/** Types of the variables of the comprehensions around an expression. */
type Locals = ReadonlyMap<string, CelType>;

class Checker {
  readonly issues: CheckIssue[] = [];
  readonly variables = new Set<string>();
  readonly found = new Map<Expr, CelType>();
  readonly #scope: CheckScope;
  readonly #substitution = new Substitution();

  constructor(scope: CheckScope) {
    this.#scope = scope;
  }

  resolve(type: CelType): CelType {
    return this.#substitution.resolve(type);
  }

  typeOf(expression: Expr, locals: Locals): CelType {
    const type = this.#typeOf(expression, locals);
    this.found.set(expression, type);
    return type;
  }

  #typeOf(expression: Expr, locals: Locals): CelType {
    switch (expression.kind) {
      case 'literal':
        return literalType(expression.value);
      case 'ident':
        return this.#nameType(expression.name, locals) ?? this.#undeclared(expression.name, expression.at);
      case 'select':
        return this.#select(expression, locals);
      case 'call':
        return this.#call(expression, locals);
      case 'list':
        return this.#list(expression, locals);
      case 'map':
        return this.#map(expression, locals);
      case 'struct':
        for (const {value} of expression.fields) this.typeOf(value, locals);
        return this.#undeclared(expression.name, expression.at);
      case 'comprehension':
        return this.#comprehension(expression, locals);
    }
  }

  #issue(message: string, at: Position): CelType {
    this.issues.push({message, at});
    // So that one mistake is told once.
    return types.dyn;
  }

  #undeclared(name: string, at: Position): CelType {
    return this.#issue(`undeclared reference to '${name}' (in container '${this.#scope.container}')`, at);
  }

  #nameType(name: string, locals: Locals): CelType | undefined {
    const local = locals.get(name);
    if (local) return local;
    for (const candidate of candidateNames(this.#scope.container, name)) {
      const variable = this.#scope.variableType(candidate);
      if (variable) {
        this.variables.add(candidate);
        return variable;
      }
      if (typeValues.has(candidate)) return {kind: 'type', of: namedType(candidate)};
    }
    return undefined;
  }

  #select(expression: Select, locals: Locals): CelType {
    const name = qualifiedName(expression);
    if (name !== undefined && !locals.has(rootName(expression) ?? '')) {
      const found = this.#nameType(name, locals);
      if (found) return found;
    }
    const operand = this.#substitution.apply(this.typeOf(expression.operand, locals));
    const field = this.#fieldType(operand, expression.field, expression.at);
    return expression.testOnly ? types.bool : field;
  }

  #fieldType(operand: CelType, field: string, at: Position): CelType {
    switch (operand.kind) {
      case 'map':
        return operand.value;
      case 'object':
        return this.#scope.fieldType(operand.name, field) ?? this.#issue(`undefined field '${field}'`, at);
      case 'optional': {
        const inner = this.#fieldType(this.#substitution.apply(operand.of), field, at);
        return inner.kind === 'optional' ? inner : optionalType(inner);
      }
      case 'param':
        this.#substitution.assign(types.dyn, operand);
        return types.dyn;
      case 'dyn':
        return types.dyn;
      default:
        return this.#issue(`type '${typeText(this.resolve(operand))}' does not support field selection`, at);
    }
  }

  #call(expression: Call, locals: Locals): CelType {
    const {name, target, args, at} = expression;
    if (name === '_?._') return this.#optionalSelect(expression, locals);
    const argTypes = args.map((argument) => this.typeOf(argument, locals));
    if (target === undefined) {
      const names = candidateNames(this.#scope.container, name);
      const known = names.find((candidate) => this.#overloads(candidate).length > 0);
      if (known === undefined) return this.#undeclared(name, at);
      return this.#resolveCall(known, false, argTypes, at);
    }
    const namespace = qualifiedName(target);
    if (namespace !== undefined && !locals.has(rootName(target) ?? '')) {
      const names = candidateNames(this.#scope.container, `${namespace}.${name}`);
      const known = names.find((candidate) => this.#overloads(candidate).length > 0);
      if (known !== undefined) return this.#resolveCall(known, false, argTypes, at);
    }
    const targetType = this.typeOf(target, locals);
    if (this.#overloads(name).length === 0) return this.#undeclared(name, at);
    return this.#resolveCall(name, true, [targetType, ...argTypes], at);
  }

  #optionalSelect({args, at}: Call, locals: Locals): CelType {
    const [operand, field] = args;
    const name = field?.kind === 'literal' && typeof field.value === 'string' ? field.value : '';
    const type = this.#substitution.apply(operand ? this.typeOf(operand, locals) : types.dyn);
    const inner = this.#fieldType(type, name, at);
    return inner.kind === 'optional' ? inner : optionalType(inner);
  }

  #overloads(name: string): readonly Overload[] {
    return [...(specialSignatures.get(name) ?? []), ...(this.#scope.functions.get(name) ?? [])];
  }

  #resolveCall(name: string, member: boolean, args: readonly CelType[], at: Position): CelType {
    let result: CelType | undefined;
    for (const overload of this.#overloads(name)) {
      if (overload.member !== member) continue;
      const names = new Map<string, CelType>();
      const parameters = overload.parameters.map((type) => this.#substitution.instantiate(type, names));
      const type = this.#substitution.instantiate(overload.result, names);
      if (!this.#substitution.assignAll(args, parameters)) continue;
      const found = this.#substitution.apply(type);
      // Several overloads fit where an argument may be of any type: then the result may be too.
      result = result === undefined || typeText(result) === typeText(found) ? found : types.dyn;
    }
    if (result) return result;
    const shown = args.map((type) => typeText(this.resolve(type)));
    const text = member ? `${shown[0]}.(${shown.slice(1).join(', ')})` : `(${shown.join(', ')})`;
    return this.#issue(`found no matching overload for '${name}' applied to '${text}'`, at);
  }

  #list({elements}: Expr & {kind: 'list'}, locals: Locals): CelType {
    let joined: CelType | undefined;
    for (const {value, optional} of elements) {
      const type = this.#entryType(value, optional, locals);
      joined = this.#join(joined, type, value.at);
    }
    return listType(joined ?? this.#substitution.newParameter());
  }

  #map({entries}: Expr & {kind: 'map'}, locals: Locals): CelType {
    let keys: CelType | undefined;
    let values: CelType | undefined;
    for (const {key, value, optional} of entries) {
      keys = this.#join(keys, this.typeOf(key, locals), key.at);
      values = this.#join(values, this.#entryType(value, optional, locals), value.at);
    }
    return mapType(keys ?? this.#substitution.newParameter(), values ?? this.#substitution.newParameter());
  }

  #entryType(value: Expr, optional: boolean, locals: Locals): CelType {
    const type = this.#substitution.apply(this.typeOf(value, locals));
    if (!optional) return type;
    if (type.kind === 'optional') return type.of;
    if (type.kind === 'dyn') return type;
    return this.#mismatch(optionalType(type), type, value.at);
  }

  #join(previous: CelType | undefined, next: CelType, at: Position): CelType {
    if (previous === undefined) return next;
    if (this.#substitution.assign(previous, next)) {
      const [left, right] = [this.#substitution.apply(previous), this.#substitution.apply(next)];
      return isMoreGeneral(left, right) ? left : right;
    }
    return this.#scope.homogeneousLiterals ? this.#mismatch(previous, next, at) : types.dyn;
  }

  #mismatch(expected: CelType, found: CelType, at: Position): CelType {
    const texts = [expected, found].map((type) => typeText(this.resolve(type)));
    return this.#issue(`expected type '${texts[0]}' but found '${texts[1]}'`, at);
  }

  #comprehension(expression: Comprehension, locals: Locals): CelType {
    const {variable, secondVariable, accumulator} = expression;
    const range = this.#substitution.apply(this.typeOf(expression.range, locals));
    const [first, second] = this.#rangeTypes(range, secondVariable !== undefined, expression.range.at);
    const folded = this.typeOf(expression.init, locals);
    const outside = new Map(locals).set(accumulator, folded);
    const inside = new Map(outside).set(variable, first);
    if (secondVariable !== undefined) inside.set(secondVariable, second);
    const condition = this.typeOf(expression.condition, inside);
    if (!this.#substitution.assign(condition, types.bool)) {
      this.#mismatch(types.bool, condition, expression.condition.at);
    }
    const step = this.typeOf(expression.step, inside);
    if (!this.#substitution.assign(step, folded)) this.#mismatch(folded, step, expression.step.at);
    return this.typeOf(expression.result, outside);
  }

  #rangeTypes(range: CelType, hasTwo: boolean, at: Position): [CelType, CelType] {
    switch (range.kind) {
      case 'list':
        return hasTwo ? [types.int, range.of] : [range.of, range.of];
      case 'map':
        return [range.key, range.value];
      case 'param':
        this.#substitution.assign(types.dyn, range);
        return [types.dyn, types.dyn];
      case 'dyn':
        return [types.dyn, types.dyn];
      default: {
        const shown = typeText(this.resolve(range));
        const type = this.#issue(
          `expression of type '${shown}' cannot be range of a comprehension (must be list, map, or dynamic)`,
          at,
        );
        return [type, type];
      }
    }
  }
}

const named: Readonly<Record<string, CelType>> = {
  null_type: types.null,
  list: listType(types.dyn),
  map: mapType(types.dyn, types.dyn),
  type: {kind: 'type', of: types.dyn},
  optional_type: optionalType(types.dyn),
  'google.protobuf.Duration': types.duration,
  'google.protobuf.Timestamp': types.timestamp,
};

function namedType(name: string): CelType {
  return named[name] ?? types[name as keyof typeof types];
}

function literalType(value: CelValue): CelType {
  return namedType(typeName(value));
}
