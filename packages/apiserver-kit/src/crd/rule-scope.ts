import {estimateCost} from '../cel/cost-estimate.ts';
import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {sizeOf} from '../schema/declared-size.ts';
import {RuleEnvironment} from '../schema/rule-program.ts';
import {type DeclaredType, declareType, MAX_REQUEST_BYTES} from '../schema/rule-types.ts';
import type {Schema} from '../schema/schema.ts';
import {shownRule} from './go-structs.ts';

/** Most that one rule may cost by estimate, and all of a schema. */
const RULE_LIMIT = 10_000_000;
export const SCHEMA_LIMIT = 100_000_000;

/** What all rules of a schema may cost together. */
export class CostTotal {
  sum = 0;
  /** The most expensive rules, at most four. */
  readonly most: {path: string; cost: number}[] = [];

  add(path: string, cost: number): void {
    this.sum += cost;
    if (cost < SCHEMA_LIMIT / 100) return;
    this.most.push({path, cost});
    this.most.sort((a, b) => b.cost - a.cost);
    this.most.splice(4);
  }
}

/** A place of a schema as its rules see it: its type, and how often it may be in one object. */
export class RuleScope {
  readonly total: CostTotal;
  readonly #schema: Schema;
  readonly #ignoreRuleCosts: boolean;
  /** Undefined: there is no bound. */
  readonly #count: number | undefined;
  readonly #declare: () => DeclaredType | undefined;

  private constructor(
    schema: Schema,
    options: {total: CostTotal; ignoreRuleCosts: boolean},
    count: number | undefined,
    declare: () => DeclaredType | undefined,
  ) {
    this.#schema = schema;
    this.total = options.total;
    this.#ignoreRuleCosts = options.ignoreRuleCosts;
    this.#count = count;
    this.#declare = declare;
  }

  static root(schema: Schema, ignoreRuleCosts: boolean): RuleScope {
    const declare = (): DeclaredType | undefined => declareType(schema, 'selfType', true);
    return new RuleScope(schema, {total: new CostTotal(), ignoreRuleCosts}, 1, declare);
  }

  /** Of a property, the items or the values. */
  part(schema: Schema): RuleScope {
    const options = {total: this.total, ignoreRuleCosts: this.#ignoreRuleCosts};
    const most = mostElements(this.#schema);
    const count = this.#count === undefined || most === undefined ? undefined : this.#count * most;
    const isResource = schema['x-kubernetes-embedded-resource'] === true;
    return new RuleScope(schema, options, count, () => declareType(schema, 'selfType', isResource));
  }

  /** @param uncorrelatable place above whose parts can't be told apart in two states of an object */
  errors(path: string, uncorrelatable: string | undefined): FieldError[] {
    const declared = this.#declare();
    if (!declared) {
      const detail =
        'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations';
      return [fieldErrors.internal(path, detail)];
    }
    const errors: FieldError[] = [];
    const environment = new RuleEnvironment(this.#schema, declared);
    const count = this.#count ?? Math.floor(MAX_REQUEST_BYTES / (declared.minBytes + 1));
    const size = sizeOf(declared);
    for (const [index, rule] of (this.#schema['x-kubernetes-validations'] ?? []).entries()) {
      const compiled = environment.compile(rule);
      const at = (name: string): string => `${path}[${index}].${name}`;
      const cost = compiled.program ? estimateCost(compiled.program, size) * count : 0;
      if (cost > RULE_LIMIT && !this.#ignoreRuleCosts) {
        errors.push(fieldErrors.forbidden(at('rule'), excessText('estimated rule cost', cost, RULE_LIMIT)));
      }
      this.total.add(at('rule'), cost);
      if (compiled.error !== undefined) errors.push(fieldErrors.invalid(at('rule'), shownRule(rule), compiled.error));
      if (compiled.messageError !== undefined) {
        errors.push(fieldErrors.invalid(at('messageExpression'), shownRule(rule), compiled.messageError));
      } else if (compiled.message) {
        const messageCost = estimateCost(compiled.message, size);
        if (messageCost > RULE_LIMIT && !this.#ignoreRuleCosts) {
          const text = excessText('estimated messageExpression cost', messageCost, RULE_LIMIT);
          errors.push(fieldErrors.forbidden(at('messageExpression'), text));
        }
        this.total.add(at('messageExpression'), messageCost);
      }
      if (compiled.usesOldSelf) {
        if (uncorrelatable === undefined) continue;
        const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable}`;
        errors.push(fieldErrors.invalid(at('rule'), rule.rule, detail));
      } else if (rule.optionalOldSelf !== undefined) {
        const detail = 'may not be set if oldSelf is not used in rule';
        errors.push(fieldErrors.invalid(at('optionalOldSelf'), rule.optionalOldSelf, detail));
      }
    }
    return errors;
  }
}

/** By what a schema multiplies how often its parts may be; undefined: there is no bound. */
function mostElements({type, additionalProperties, maxProperties, maxItems}: Schema): number | undefined {
  if (type === 'object') return additionalProperties === undefined ? 1 : maxProperties;
  return type === 'array' ? maxItems : 1;
}

/** That an estimate is beyond a limit, and by how much. */
export function excessText(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  let shown = `${factor.toFixed(1)}x`;
  if (factor > 100) shown = 'more than 100x';
  else if (factor < 1.5) shown = `${factor.toFixed(6)}x`;
  return `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
