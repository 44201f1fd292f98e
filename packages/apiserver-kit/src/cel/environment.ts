import type {Expr} from './ast.ts';
import {CelError, lineAndColumn} from './cel-error.ts';
import {type CheckIssue, type CheckResult, check} from './checker.ts';
import {encoderLibrary} from './encoder-library.ts';
import {compileEvaluator, type EvaluationResult, type Evaluator} from './evaluator.ts';
import {type FunctionTable, mergeTables} from './function-table.ts';
import {mathLibrary} from './math-library.ts';
import {parse} from './parser.ts';
import {optionalLibrary, standardLibrary} from './standard-library.ts';
import {stringLibrary} from './string-library.ts';
import {type CelType, types} from './types.ts';
import type {CelValue} from './values.ts';

export interface EnvironmentOptions {
  /** Types of the variables by name; a name may have dots. */
  variables?: Readonly<Record<string, CelType>>;
  /** Functions beside those of the language and of cel-go's extensions. */
  libraries?: readonly FunctionTable[];
  /** Namespace in which names are looked for first, such as `google.protobuf`. */
  container?: string;
  /** Type of a field of an object type; undefined where there is no such field. */
  fieldType?: (object: string, field: string) => CelType | undefined;
  /** Whether elements of a list, and keys and values of a map, must be of one type. Default: false; Kubernetes: true. */
  homogeneousLiterals?: boolean;
}

export interface Program {
  /** Type of the result, as far as the types of the variables tell. */
  readonly type: CelType;
  /** What was compiled; its types only from {@link CelEnvironment.compile}. */
  readonly expression: Expr;
  readonly checked: CheckResult | undefined;
  /**
   * @param bindings values of the variables, or a function that gives them when they are read
   * @throws CelError `EVALUATION`, and `COST` beyond `costLimit` steps
   */
  evaluate(
    bindings: Readonly<Record<string, CelValue>> | ((name: string) => CelValue | undefined),
    options?: {costLimit?: number},
  ): EvaluationResult;
}

/** What expressions are compiled against: variables, functions, a namespace. */
export class CelEnvironment {
  readonly #variables: Readonly<Record<string, CelType>>;
  readonly #functions: FunctionTable;
  readonly #container: string;
  readonly #fieldType: (object: string, field: string) => CelType | undefined;
  readonly #homogeneousLiterals: boolean;

  constructor(options: EnvironmentOptions = {}) {
    const {variables = {}, libraries = [], container = ''} = options;
    this.#fieldType = options.fieldType ?? (() => undefined);
    this.#homogeneousLiterals = options.homogeneousLiterals ?? false;
    this.#variables = variables;
    this.#functions = mergeTables([
      standardLibrary,
      optionalLibrary,
      stringLibrary,
      mathLibrary,
      encoderLibrary,
      ...libraries,
    ]);
    this.#container = container;
  }

  /** @throws CelError `SYNTAX`; `CHECK`, whose message has cel-go's words and shows each place */
  compile(source: string): Program {
    const expression = parse(source);
    const checked = check(expression, {
      functions: this.#functions,
      container: this.#container,
      variableType: (name) => (Object.hasOwn(this.#variables, name) ? this.#variables[name] : undefined),
      fieldType: this.#fieldType,
      homogeneousLiterals: this.#homogeneousLiterals,
    });
    const {type, issues} = checked;
    if (issues.length > 0) throw new CelError('CHECK', issuesText(source, issues), issues[0]?.at);
    return this.#program(expression, type, checked);
  }

  /** As {@link compile}, without types: what is wrong with them shows when it is evaluated. @throws CelError `SYNTAX` */
  compileUnchecked(source: string): Program {
    return this.#program(parse(source), types.dyn);
  }

  #program(expression: Expr, type: CelType, checked?: CheckResult): Program {
    const evaluator: Evaluator = compileEvaluator(expression, {
      functions: this.#functions,
      container: this.#container,
      isVariable: (name) => Object.hasOwn(this.#variables, name),
    });
    return {
      type,
      expression,
      checked,
      evaluate(bindings, {costLimit} = {}) {
        const variable =
          typeof bindings === 'function'
            ? bindings
            : (name: string) => (Object.hasOwn(bindings, name) ? bindings[name] : undefined);
        return evaluator.evaluate(variable, costLimit);
      },
    };
  }
}

/** Each issue with the line it is in and a mark below its place, as cel-go prints them. */
function issuesText(source: string, issues: readonly CheckIssue[]): string {
  return issues.map(({message, at}) => `ERROR: <input>:${placeText(source, at, message)}`).join('\n');
}

function placeText(source: string, at: number, message: string): string {
  const {line, column} = lineAndColumn(source, at);
  const text = source.split('\n')[line - 1] ?? '';
  return `${line}:${column}: ${message}\n | ${text}\n | ${'.'.repeat(column - 1)}^`;
}
