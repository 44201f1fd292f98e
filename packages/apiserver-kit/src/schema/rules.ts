import {CelError} from '../cel/cel-error.ts';
import type {Program} from '../cel/environment.ts';
import {type CelValue, Optional} from '../cel/values.ts';
import {type FieldError, fieldErrors, OMITTED} from '../errors/field-error.ts';
import {goQuote} from '../errors/go-text.ts';
import {isJsonObject, type JsonValue, member} from '../json/json-value.ts';
import {Correlated, Ratchet} from './correlated.ts';
import {oldItemsOf} from './correlation.ts';
import {RuleEnvironment, type RuleProgram} from './rule-program.ts';
import {type DeclaredType, declareType, withResourceFields} from './rule-types.ts';
import {celConversion, type ToCel} from './rule-values.ts';
import type {Schema, ValidationRule} from './schema.ts';

/** Most that one expression may cost, and all of an object together. */
export const RULE_COST_LIMIT = 1_000_000;
const OBJECT_COST_LIMIT = 10_000_000;
const MESSAGE_BYTES = 5 * 1024;

export interface RuleOptions {
  /** Told of errors that are tolerated because nothing has changed there. */
  warn?: (text: string) => void;
  /** Where the value stands. Default: it is the object. */
  path?: string;
}

/** The rules (`x-kubernetes-validations`) of a schema, compiled. */
export interface SchemaRules {
  /** Whether there is any rule. */
  readonly exist: boolean;
  /** @param old what was there before; undefined on create, then no rule that reads `oldSelf` runs unless it is optional */
  validate(value: JsonValue, old: JsonValue | undefined, options?: RuleOptions): FieldError[];
}

const none: SchemaRules = {exist: false, validate: () => []};
const compiledRules = new WeakMap<Schema, SchemaRules>();

/**
 * Compiles the rules of the schema of a resource; those of a schema only once.
 *
 * @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
 */
export function compileRules(schema: Schema): SchemaRules {
  let rules = compiledRules.get(schema);
  if (!rules) {
    rules = rulesOfPart(schema, true);
    compiledRules.set(schema, rules);
  }
  return rules;
}

/** As {@link compileRules}, of a part of a schema. @param isResource whether its values have `metadata` */
export function rulesOfPart(schema: Schema, isResource: boolean): SchemaRules {
  if (!hasRules(schema)) return none;
  const node = compileNode(schema, schema, declareType(schema, 'selfType', isResource), isResource);
  return node ? {exist: true, validate: (value, old, options) => run(node, schema, value, old, options)} : none;
}

/** A place in a schema with rules, or with such places below. */
interface RuleNode {
  readonly programs: readonly RuleProgram[];
  /** What keeps rules from being compiled at all. */
  readonly error?: string;
  readonly schema: Schema;
  readonly toCel: ToCel;
  readonly items?: RuleNode | undefined;
  readonly values?: RuleNode | undefined;
  readonly members: ReadonlyMap<string, RuleNode>;
  readonly allOf: readonly RuleNode[];
}

export function hasRules(schema: Schema): boolean {
  const {properties = {}, additionalProperties, items, allOf = []} = schema;
  if ((schema['x-kubernetes-validations'] ?? []).length > 0) return true;
  const parts = [...Object.values(properties), ...allOf, items, additionalProperties];
  return parts.some((part) => typeof part === 'object' && hasRules(part));
}

/**
 * @param rules the schema that has the rules: the node itself, or a part of its `allOf`
 * @param node the schema that tells the types
 */
function compileNode(
  rules: Schema,
  node: Schema,
  declared: DeclaredType | undefined,
  isResource: boolean,
): RuleNode | undefined {
  const own = rules['x-kubernetes-validations'] ?? [];
  let programs: RuleProgram[] = [];
  let error: string | undefined;
  if (own.length > 0 && declared) {
    const environment = new RuleEnvironment(node, declared);
    programs = own.map((rule) => environment.compile(rule));
  } else if (own.length > 0) {
    error = 'failed to convert to declType for CEL validation rules';
  }
  const items = compilePart(rules.items, node.items, declared?.element);
  const values = compilePart(
    schemaOf(rules.additionalProperties),
    schemaOf(node.additionalProperties),
    declared?.element,
  );
  const members = new Map<string, RuleNode>();
  for (const [name, part] of Object.entries(rules.properties ?? {})) {
    const field = node.properties && Object.hasOwn(node.properties, name) ? node.properties[name] : undefined;
    const compiled = field && declared && compilePart(part, field);
    if (compiled) members.set(name, compiled);
  }
  const allOf = (rules.allOf ?? []).flatMap((part) => compileNode(part, node, declared, isResource) ?? []);
  if (!(own.length > 0 || items || values || members.size > 0 || allOf.length > 0)) return undefined;
  const toCel = celConversion(isResource ? withResourceFields(node) : node);
  return {programs, ...(error === undefined ? {} : {error}), schema: node, toCel, items, values, members, allOf};
}

function compilePart(rules: Schema | undefined, node: Schema | undefined, known?: DeclaredType): RuleNode | undefined {
  if (!rules || !node || !hasRules(rules)) return undefined;
  const isResource = node['x-kubernetes-embedded-resource'] === true;
  const declared = known ?? declareType(node, 'selfType', isResource);
  // A type of which nothing may be known hides all that is below, too.
  return declared || rules['x-kubernetes-validations'] ? compileNode(rules, node, declared, isResource) : undefined;
}

function schemaOf(schema: Schema | boolean | undefined): Schema | undefined {
  return typeof schema === 'object' ? schema : undefined;
}

function run(
  node: RuleNode,
  schema: Schema,
  value: JsonValue,
  old: JsonValue | undefined,
  options: RuleOptions = {},
): FieldError[] {
  const before = old ?? undefined;
  const ratchet = before === undefined ? Ratchet.none : new Ratchet(new Correlated(value, before, schema), undefined);
  const evaluation = new Evaluation(options.warn ?? (() => undefined));
  evaluation.visit(node, {value, old: before, path: options.path ?? '', ratchet});
  return evaluation.errors;
}

/** A value at its place. */
interface Place {
  value: JsonValue;
  /** Undefined: there was none, or null. */
  old: JsonValue | undefined;
  path: string;
  ratchet: Ratchet;
}

/** One validation of an object. */
class Evaluation {
  readonly errors: FieldError[] = [];
  readonly #warn: (text: string) => void;
  /** What may still be spent; negative: nothing is evaluated any more. */
  #budget = OBJECT_COST_LIMIT;

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  visit(node: RuleNode, place: Place): void {
    const {value, old, path, ratchet} = place;
    if (value === null || this.#budget < 0) return;
    this.#evaluateAll(node, place);
    for (const part of node.allOf) this.visit(part, {...place, ratchet: ratchet.above});
    if (Array.isArray(value)) {
      if (node.items) this.#visitItems(node.items, node.schema, value, place);
    } else if (isJsonObject(value)) {
      const before = isJsonObject(old) ? old : undefined;
      for (const key of Object.keys(value)) {
        const named = node.members.get(key);
        const inner = value[key] as JsonValue;
        const was = (before && member(before, key)) ?? undefined;
        const childRatchet = (): Ratchet => ratchet.member(key);
        if (node.values) {
          this.visit(node.values, {value: inner, old: was, path: `${path}[${key}]`, ratchet: childRatchet()});
        }
        if (named) {
          const child = path === '' ? key : `${path}.${key}`;
          this.visit(named, {value: inner, old: was, path: child, ratchet: childRatchet()});
        }
      }
    }
  }

  #visitItems(node: RuleNode, schema: Schema, list: JsonValue[], {old, path, ratchet}: Place): void {
    const find = oldItemsOf(schema, old);
    for (const [index, item] of list.entries()) {
      this.visit(node, {value: item, old: find(item), path: `${path}[${index}]`, ratchet: ratchet.element(index)});
      if (this.#budget < 0) return;
    }
  }

  #evaluateAll(node: RuleNode, place: Place): void {
    const {value, old} = place;
    const type = node.schema.type ?? '';
    if (node.error !== undefined) {
      this.#add(place.path, type, `rule compiler initialization error: ${node.error}`);
      return;
    }
    if (node.programs.length === 0) return;
    if (this.#budget <= 0) {
      this.#exhausted(place.path, type);
      return;
    }
    const values = new RuleValues(node.toCel, value, old);
    for (const compiled of node.programs) {
      if (compiled.error !== undefined) {
        this.#add(place.path, type, `rule compile error: ${compiled.error}`);
        continue;
      }
      const isOptional = compiled.rule.optionalOldSelf === true;
      if (!compiled.program || (compiled.usesOldSelf && old === undefined && !isOptional)) continue;
      if (!this.#evaluate(compiled, compiled.program, values, place, type)) return;
    }
  }

  /** @returns whether the other rules are to be evaluated */
  #evaluate(compiled: RuleProgram, program: Program, values: RuleValues, place: Place, type: string): boolean {
    const {rule} = compiled;
    const isOptional = rule.optionalOldSelf === true;
    const outcome = this.#spend(program, isOptional ? values.optional : values.plain);
    if (outcome === 'exhausted') {
      this.#exhausted(place.path, type);
      return false;
    }
    if (outcome instanceof CelError) {
      const shown = ruleText(rule);
      if (outcome.code === 'COST') {
        const detail = `'${outcome.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`;
        this.#add(place.path, type, detail);
        this.#budget = -1;
        return false;
      }
      const detail = outcome.message.startsWith('no such overload')
        ? `'no such overload': call arguments did not match a supported operator, function or macro signature for rule: ${shown}`
        : `${outcome.message} evaluating rule: ${shown}`;
      this.#add(place.path, type, detail);
      return true;
    }
    return outcome.value === true || this.#refuse(compiled, values, place, type);
  }

  #refuse(compiled: RuleProgram, values: RuleValues, place: Place, type: string): boolean {
    const {rule, fieldPath} = compiled;
    const path = [place.path, fieldPath].filter((part) => part !== '').join('.');
    const tell = (error: FieldError): void => {
      if (!compiled.usesOldSelf && place.ratchet.tolerates) this.#warn(`${error.field}: ${error.message}`);
      else this.errors.push(error);
    };
    let detail: string | undefined;
    if (compiled.message) {
      const message = this.#message(compiled.message, rule, values.plain);
      if ('fatal' in message) {
        tell(fieldErrors.invalid(shownPath(path), type, message.fatal));
        this.#budget = -1;
        return false;
      }
      detail = message.text;
    }
    detail ??= rule.message ? rule.message.trim() : `failed rule: ${ruleText(rule)}`;
    const value = type === 'object' || type === 'array' ? OMITTED : place.value;
    tell(errorOf(rule.reason, shownPath(path), value, detail));
    return true;
  }

  /** Of a message expression that fails, the text is undefined: then the message of the rule is told. */
  #message(program: Program, rule: ValidationRule, variables: Variables): {text: string | undefined} | {fatal: string} {
    const outcome = this.#spend(program, variables);
    if (outcome === 'exhausted') {
      return {
        fatal:
          'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
      };
    }
    if (outcome instanceof CelError) {
      if (outcome.code !== 'COST') return {text: undefined};
      const shown = goQuote(rule.messageExpression ?? '');
      return {
        fatal: `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${shown}`,
      };
    }
    const text = typeof outcome.value === 'string' ? outcome.value.trim() : '';
    const isUsable = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= MESSAGE_BYTES;
    return {text: isUsable ? text : undefined};
  }

  #spend(program: Program, variables: Variables): {value: CelValue} | CelError | 'exhausted' {
    const limit = Math.min(RULE_COST_LIMIT, this.#budget + 1);
    try {
      const {value, cost} = program.evaluate(variables, {costLimit: limit});
      if (cost > this.#budget) return 'exhausted';
      this.#budget -= cost;
      return {value};
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
      if (error.code === 'COST' && limit < RULE_COST_LIMIT) return 'exhausted';
      // What was spent before it failed is not known any more: at least one step.
      this.#budget -= 1;
      return error;
    }
  }

  #exhausted(path: string, type: string): void {
    const detail = 'validation failed due to running out of cost budget, no further validation rules will be run';
    this.#add(path, type, detail);
    this.#budget = -1;
  }

  #add(path: string, type: string, detail: string): void {
    this.errors.push(fieldErrors.invalid(shownPath(path), type, detail));
  }
}

type Variables = (name: string) => CelValue | undefined;

/** `self` and `oldSelf`, converted once for all rules of a place, when one reads them. */
class RuleValues {
  readonly #toCel: ToCel;
  readonly #value: JsonValue;
  readonly #old: JsonValue | undefined;
  #self: CelValue | undefined;
  #oldSelf: CelValue | undefined;

  constructor(toCel: ToCel, value: JsonValue, old: JsonValue | undefined) {
    this.#toCel = toCel;
    this.#value = value;
    this.#old = old;
  }

  readonly plain: Variables = (name) => {
    if (name !== 'self') return this.#previous();
    this.#self ??= this.#toCel(this.#value);
    return this.#self;
  };

  readonly optional: Variables = (name) => {
    if (name === 'self') return this.plain(name);
    const old = this.#previous();
    return old === undefined ? Optional.none : new Optional(old);
  };

  #previous(): CelValue | undefined {
    if (this.#old === undefined) return undefined;
    this.#oldSelf ??= this.#toCel(this.#old);
    return this.#oldSelf;
  }
}

function ruleText({message, rule}: ValidationRule): string {
  return (message ? message : rule).trim();
}

function shownPath(path: string): string {
  return path === '' ? '<nil>' : path;
}

function errorOf(reason: string | undefined, path: string, value: unknown, detail: string): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return fieldErrors.forbidden(path, detail);
    case 'FieldValueRequired':
      return fieldErrors.required(path, detail);
    case 'FieldValueDuplicate':
      return fieldErrors.duplicate(path, value);
    default:
      return fieldErrors.invalid(path, value, detail);
  }
}
