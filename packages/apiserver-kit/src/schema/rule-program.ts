import {CelError} from '../cel/cel-error.ts';
import {CelEnvironment, type Program} from '../cel/environment.ts';
import {kubernetesLibraries} from '../cel/kubernetes/index.ts';
import {patternProblem} from '../cel/literal-checks.ts';
import {optionalType} from '../cel/types.ts';
import {rulePath} from './rule-path.ts';
import {type DeclaredType, namedTypes} from './rule-types.ts';
import type {Schema, ValidationRule} from './schema.ts';

/** A rule of a schema, compiled. */
export interface RuleProgram {
  readonly rule: ValidationRule;
  /** Undefined: the rule is empty, or does not compile. */
  readonly program: Program | undefined;
  /** Why it does not compile. */
  readonly error?: string;
  readonly usesOldSelf: boolean;
  readonly message: Program | undefined;
  readonly messageError?: string;
  /** Of the field the error is told of, from the value on; empty: the value. */
  readonly fieldPath: string;
}

/** What expressions of one place of a schema are compiled against. */
export class RuleEnvironment {
  readonly #schema: Schema;
  readonly #environment: CelEnvironment;
  readonly #optional: CelEnvironment;

  constructor(schema: Schema, declared: DeclaredType) {
    this.#schema = schema;
    const named = namedTypes(declared);
    const options = {
      libraries: kubernetesLibraries,
      extensions: 'kubernetes' as const,
      homogeneousLiterals: true,
      fieldType: (object: string, field: string) => named.get(object)?.fields?.get(field)?.type,
    };
    const {type} = declared;
    this.#environment = new CelEnvironment({...options, variables: {self: type, oldSelf: type}});
    this.#optional = new CelEnvironment({...options, variables: {self: type, oldSelf: optionalType(type)}});
  }

  compile(rule: ValidationRule): RuleProgram {
    const environment = rule.optionalOldSelf === true ? this.#optional : this.#environment;
    const nothing = {rule, program: undefined, usesOldSelf: false, message: undefined, fieldPath: ''};
    if (rule.rule.trim() === '') return nothing;
    const program = compile(environment, rule.rule);
    if (typeof program === 'string') return {...nothing, error: `compilation failed: ${program}`};
    if (program.type.kind !== 'bool') return {...nothing, error: 'cel expression must evaluate to a bool'};
    const problem = patternProblem(program.expression);
    if (problem !== undefined) return {...nothing, error: `program instantiation failed: ${problem}`};
    const compiled = {...nothing, program, usesOldSelf: program.checked?.variables.has('oldSelf') === true};
    const message = rule.messageExpression ? compile(environment, rule.messageExpression) : undefined;
    if (typeof message === 'string') {
      return {...compiled, messageError: `messageExpression compilation failed: ${message}`};
    }
    if (message && message.type.kind !== 'string') {
      return {...compiled, messageError: 'messageExpression must evaluate to a string'};
    }
    const path = rule.fieldPath ? rulePath(rule.fieldPath, this.#schema) : undefined;
    return {...compiled, message, fieldPath: path !== undefined && 'path' in path ? path.path : ''};
  }
}

function compile(environment: CelEnvironment, source: string): Program | string {
  try {
    return environment.compile(source);
  } catch (error) {
    if (error instanceof CelError) return error.message;
    throw error;
  }
}
