import type {Expr} from './ast.ts';
import {CelError, lineAndColumn} from './cel-error.ts';
import {type CheckIssue, type CheckResult, check} from './checker.ts';
import {encoderLibrary} from './encoder-library.ts';
import {compileEvaluator, type EvaluationResult, type Evaluator} from './evaluator.ts';
import {type FunctionTable, mergeTables} from './function-table.ts';
import {literalIssues} from './literal-checks.ts';
import type {Extensions} from './macros.ts';
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
  /**
   * Which of cel-go's extensions there are: all that this package knows, or those of Kubernetes (strings without `reverse` and
   * `strings.quote`, optional values, two-variable comprehensions). Default: all.
   */
  extensions?: Extensions;
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
  readonly #extensions: Extensions;
  readonly #fieldType: (object: string, field: string) => CelType | undefined;
  readonly #homogeneousLiterals: boolean;

  constructor(options: EnvironmentOptions = {}) {
    const {variables = {}, libraries = [], container = ''} = options;
    this.#fieldType = options.fieldType ?? (() => undefined);
    this.#homogeneousLiterals = options.homogeneousLiterals ?? false;
    this.#variables = variables;
    this.#extensions = options.extensions ?? 'all';
    this.#functions = tablesOf(this.#extensions, libraries);
    this.#container = container;
  }

  /** @throws CelError `SYNTAX`; `CHECK`, whose message has cel-go's words and shows each place */
  compile(source: string): Program {
    const expression = parsed(source, this.#extensions);
    const checked = check(expression, {
      functions: this.#functions,
      container: this.#container,
      variableType: (name) => (Object.hasOwn(this.#variables, name) ? this.#variables[name] : undefined),
      fieldType: this.#fieldType,
      homogeneousLiterals: this.#homogeneousLiterals,
    });
    const {type} = checked;
    let {issues} = checked;
    if (issues.length === 0 && this.#extensions === 'kubernetes') issues = literalIssues(expression);
    if (issues.length > 0) throw new CelError('CHECK', issuesText(source, issues), issues[0]?.at);
    return this.#program(expression, type, checked);
  }

  /** As {@link compile}, without types: what is wrong with them shows when it is evaluated. @throws CelError `SYNTAX` */
  compileUnchecked(source: string): Program {
    return this.#program(parsed(source, this.#extensions), types.dyn);
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

const base: Readonly<Record<Extensions, readonly FunctionTable[]>> = {
  all: [standardLibrary, optionalLibrary, stringLibrary, mathLibrary, encoderLibrary],
  kubernetes: [standardLibrary, optionalLibrary, withoutFunctions(stringLibrary, ['reverse', 'strings.quote'])],
};
const merged = new WeakMap<readonly FunctionTable[], Map<string, FunctionTable>>();

/** Environments with the same libraries share one table. */
function tablesOf(extensions: Extensions, libraries: readonly FunctionTable[]): FunctionTable {
  let tables = merged.get(libraries);
  if (!tables) {
    tables = new Map();
    merged.set(libraries, tables);
  }
  let table = tables.get(extensions);
  if (!table) {
    table = mergeTables([...base[extensions], ...libraries]);
    tables.set(extensions, table);
  }
  return table;
}

function withoutFunctions(table: FunctionTable, names: readonly string[]): FunctionTable {
  return new Map([...table].filter(([name]) => !names.includes(name)));
}

function parsed(source: string, extensions: Extensions): Expr {
  try {
    return parse(source, {extensions});
  } catch (error) {
    if (!(error instanceof CelError) || error.position === undefined) throw error;
    const {position} = error;
    throw new CelError(error.code, issuesText(source, [{message: error.message, at: position}]), position);
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
