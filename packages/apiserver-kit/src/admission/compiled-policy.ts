import {CelError, type CelMap, type CelValue} from '../cel/index.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {type CelAuthorizer, PendingCheck, type PolicyChecks, type ResourceCheck} from './cel-authorizer.ts';
import {MatchResources} from './match-resources.ts';
import {type CompiledExpression, PolicyCompiler} from './policy-compiler.ts';

/** What an expression may take, and all of a policy together, and its match conditions: in the steps of the engine. */
const EXPRESSION_BUDGET = 1_000_000;
const POLICY_BUDGET = 10_000_000;
const CONDITIONS_BUDGET = 2_500_000;
const MAX_MESSAGE_BYTES = 5 * 1024;
const OUT_OF_BUDGET = 'validation failed due to running out of cost budget, no further validation rules will be run';

interface Validation {
  index: number;
  expression: CompiledExpression;
  message: string;
  messageExpression: CompiledExpression | undefined;
  reason: string;
}

interface NamedProgram {
  name: string;
  expression: CompiledExpression;
}

/** The values of the variables of a request. */
export interface PolicyInput {
  object: CelValue;
  oldObject: CelValue;
  request: CelValue;
  namespaceObject: CelValue;
  params: CelValue;
  authorizer: CelAuthorizer;
  requestResource: ResourceCheck;
}

/** A validation that failed. */
export interface Denial {
  /** Of the expression; -1: of none. */
  index: number;
  message: string;
  /** Empty: it could not be evaluated. */
  reason: string;
}

export interface PolicyOutcome {
  denials: Denial[];
  annotations: {key: string; value: string}[];
}

/** A ValidatingAdmissionPolicy whose expressions were compiled. It keeps no state of requests. */
export class CompiledPolicy {
  readonly name: string;
  readonly match: MatchResources | undefined;
  /** What is wrong with the policy as such. */
  readonly problem: string | undefined;
  readonly paramKind: {apiVersion: string; kind: string} | undefined;
  readonly failsClosed: boolean;
  readonly #variables = new Map<string, CompiledExpression>();
  readonly #conditions: readonly NamedProgram[];
  readonly #validations: readonly Validation[];
  readonly #annotations: readonly NamedProgram[];

  constructor(policy: KubeObject) {
    this.name = policy.metadata.name ?? '';
    const spec = objectMember(policy, 'spec');
    this.failsClosed = spec['failurePolicy'] !== 'Ignore';
    const paramKind = spec['paramKind'];
    this.paramKind = isJsonObject(paramKind)
      ? {apiVersion: text(paramKind['apiVersion']), kind: text(paramKind['kind'])}
      : undefined;
    const compiler = new PolicyCompiler({hasParams: this.paramKind !== undefined});
    for (const variable of objects(spec['variables'])) {
      const name = text(variable['name']);
      this.#variables.set(name, compiler.variable({name, expression: text(variable['expression'])}));
    }
    this.#conditions = objects(spec['matchConditions']).map((condition) => ({
      name: text(condition['name']),
      expression: compiler.condition(text(condition['expression'])),
    }));
    this.#validations = objects(spec['validations']).map((validation, index) => ({
      index,
      expression: compiler.condition(text(validation['expression'])),
      message: text(validation['message']).trim(),
      messageExpression:
        text(validation['messageExpression']) === ''
          ? undefined
          : compiler.message(text(validation['messageExpression'])),
      reason: text(validation['reason']) || 'Invalid',
    }));
    this.#annotations = objects(spec['auditAnnotations']).map((annotation) => ({
      name: text(annotation['key']),
      expression: compiler.annotation(text(annotation['valueExpression'])),
    }));
    let match: MatchResources | undefined;
    let problem: string | undefined;
    try {
      match = new MatchResources(objectMember(spec, 'matchConstraints'));
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
    }
    this.match = match;
    this.problem = problem;
  }

  /** What the policy says of a write that it is about. Asks the authorizer as often as its expressions do. */
  async evaluate(input: PolicyInput, checks: PolicyChecks): Promise<PolicyOutcome> {
    for (;;) {
      try {
        return this.#evaluate(input, checks);
      } catch (error) {
        if (!(error instanceof PendingCheck)) throw error;
        await checks.settle(error);
      }
    }
  }

  #evaluate(input: PolicyInput, checks: PolicyChecks): PolicyOutcome {
    const nothing: PolicyOutcome = {denials: [], annotations: []};
    const failed = (message: string): PolicyOutcome =>
      this.failsClosed ? {denials: [{index: -1, message, reason: ''}], annotations: []} : nothing;

    const conditions = new Evaluation(this.#variables, input, checks, CONDITIONS_BUDGET, {authorizer: true});
    const problems: string[] = [];
    for (const {expression} of this.#conditions) {
      const result = conditions.run(expression);
      if (result.outOfBudget) return failed(result.problem);
      if (result.problem !== undefined) problems.push(result.problem);
      else if (result.value === false) return nothing;
    }
    if (problems.length > 0) return failed(problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`);

    const evaluation = new Evaluation(this.#variables, input, checks, POLICY_BUDGET, {authorizer: true});
    const denials: Denial[] = [];
    const failures: Validation[] = [];
    for (const validation of this.#validations) {
      const result = evaluation.run(validation.expression);
      if (result.outOfBudget) return failed(result.problem);
      if (result.problem !== undefined) {
        if (this.failsClosed) denials.push({index: validation.index, message: result.problem, reason: ''});
      } else if (result.value !== true) {
        failures.push(validation);
        denials.push({index: validation.index, message: '', reason: validation.reason});
      }
    }
    if (failures.length > 0) {
      const messages = new Evaluation(this.#variables, input, checks, evaluation.budget, {authorizer: false});
      for (const validation of failures) {
        const denial = denials.find(({index}) => index === validation.index)!;
        denial.message = messageOf(validation, messages);
      }
    }

    if (this.#annotations.length === 0) return {denials, annotations: []};
    const audit = new Evaluation(this.#variables, input, checks, POLICY_BUDGET, {authorizer: true});
    const annotations: PolicyOutcome['annotations'] = [];
    for (const {name, expression} of this.#annotations) {
      const result = audit.run(expression);
      if (result.problem !== undefined) {
        if (this.failsClosed) denials.push({index: -1, message: result.problem, reason: ''});
      } else if (typeof result.value === 'string' && result.value.trim() !== '') {
        annotations.push({key: name, value: result.value.trim()});
      }
    }
    return {denials, annotations};
  }
}

function messageOf({expression, message, messageExpression}: Validation, evaluation: Evaluation): string {
  const result = messageExpression && evaluation.run(messageExpression);
  const made = typeof result?.value === 'string' ? result.value.trim() : '';
  const fits = made !== '' && !made.includes('\n') && Buffer.byteLength(made) <= MAX_MESSAGE_BYTES;
  if (fits) return made;
  return message === '' ? `failed expression: ${expression.source.trim()}` : message;
}

type Result =
  | {value: CelValue; problem?: undefined; outOfBudget?: undefined}
  | {value?: undefined; problem: string; outOfBudget?: boolean};

/** The evaluation of expressions that share a budget and the values of variables. A variable is evaluated when it is first read. */
class Evaluation {
  budget: number;
  readonly #variables: ReadonlyMap<string, CompiledExpression>;
  readonly #checks: PolicyChecks;
  readonly #bindings: (name: string) => CelValue | undefined;
  readonly #values = new Map<string, CelValue | CelError>();
  /** Of variables, within the expression that is running. */
  #spent = 0;

  constructor(
    variables: ReadonlyMap<string, CompiledExpression>,
    input: PolicyInput,
    checks: PolicyChecks,
    budget: number,
    {authorizer}: {authorizer: boolean},
  ) {
    this.budget = budget;
    this.#variables = variables;
    this.#checks = checks;
    const map: CelMap = {
      size: variables.size,
      get: (name) => (typeof name === 'string' ? this.#variable(name) : undefined),
      keys: () => variables.keys(),
    };
    const values: Record<string, CelValue> = {
      object: input.object,
      oldObject: input.oldObject,
      request: input.request,
      namespaceObject: input.namespaceObject,
      params: input.params,
      variables: map,
      ...(authorizer && {authorizer: input.authorizer, 'authorizer.requestResource': input.requestResource}),
    };
    this.#bindings = (name) => values[name];
  }

  /** @throws PendingCheck */
  run(expression: CompiledExpression): Result {
    if ('problem' in expression) return {problem: `compilation error: ${expression.problem}`};
    this.#spent = 0;
    this.#checks.cost = 0;
    try {
      const {value, cost} = expression.program.evaluate(this.#bindings, {costLimit: EXPRESSION_BUDGET});
      return this.#pay(cost) ? {value} : {problem: OUT_OF_BUDGET, outOfBudget: true};
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (!this.#pay(error.code === 'COST' ? EXPRESSION_BUDGET : 0)) return {problem: OUT_OF_BUDGET, outOfBudget: true};
      return {problem: `expression '${expression.source}' resulted in error: ${error.message}`};
    }
  }

  #pay(cost: number): boolean {
    this.budget -= cost + this.#spent + this.#checks.cost;
    return this.budget >= 0;
  }

  #variable(name: string): CelValue | undefined {
    const known = this.#values.get(name);
    if (known instanceof CelError) throw known;
    if (known !== undefined) return known;
    const expression = this.#variables.get(name);
    if (!expression) return undefined;
    try {
      const value = this.#evaluateVariable(name, expression);
      this.#values.set(name, value);
      return value;
    } catch (error) {
      if (error instanceof CelError) this.#values.set(name, error);
      throw error;
    }
  }

  #evaluateVariable(name: string, expression: CompiledExpression): CelValue {
    const quoted = JSON.stringify(name);
    if ('problem' in expression) {
      throw new CelError('EVALUATION', `composited variable ${quoted} fails to compile: ${expression.problem}`);
    }
    const outer = this.#checks.cost;
    this.#checks.cost = 0;
    try {
      const {value, cost} = expression.program.evaluate(this.#bindings, {costLimit: EXPRESSION_BUDGET});
      this.#spent += cost + this.#checks.cost;
      return value;
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      throw new CelError(error.code, `composited variable ${quoted} fails to evaluate: ${error.message}`);
    } finally {
      this.#checks.cost = outer;
    }
  }
}

function objectMember(object: JsonObject, key: string): JsonObject {
  const value = object[key];
  return isJsonObject(value) ? value : {};
}

function objects(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
