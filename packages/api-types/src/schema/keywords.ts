import {patternProblem} from './re2.ts';
import {isNames, isSchemaNode, type SchemaNode} from './schema-node.ts';

/** What is known of one field of JSONSchemaProps. */
export interface Keyword {
  /** Why the value can't stand in a structural schema; undefined if it can. */
  problem(value: unknown): string | undefined;
  /** The field or fields that it becomes; itself if absent. */
  convert?(value: unknown, node: SchemaNode): Record<string, unknown>;
}

/** Formats that the API server checks; it ignores all others. */
const formats: ReadonlySet<unknown> = new Set(
  'int32 int64 float double byte date date-time duration uuid uri email hostname ipv4 ipv6 cidr mac'.split(' '),
);
const ruleFields: ReadonlySet<string> = new Set(
  'rule message messageExpression reason fieldPath optionalOldSelf'.split(' '),
);
const ruleReasons: ReadonlySet<unknown> = new Set([
  undefined,
  'FieldValueInvalid',
  'FieldValueForbidden',
  'FieldValueRequired',
  'FieldValueDuplicate',
]);

const is = (test: (value: unknown) => boolean, expected: string): Keyword => ({
  problem: (value) => (test(value) ? undefined : `must be ${expected}`),
});
const forbidden = (problem: string): Keyword => ({problem: () => problem});
const text = is((value) => typeof value === 'string', 'a string');
const number = is((value) => typeof value === 'number' && Number.isFinite(value), 'a number');
const count = is(
  (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0,
  'a whole number, not negative',
);
const flag = is((value) => typeof value === 'boolean', 'true or false');
const onlyTrue = is((value) => value === true, 'true or absent');
const bounding = is((value) => typeof value === 'number' || typeof value === 'boolean', 'a number or a boolean');
const anything: Keyword = {problem: () => undefined};
/** The caller converts these. */
const child: Keyword = {problem: () => undefined, convert: () => ({})};

/**
 * JSON Schema has two numbers, `minimum` and `exclusiveMinimum`; JSONSchemaProps has one, and a boolean that makes it exclusive. The stricter
 * of the two stays.
 */
function bound(inclusive: 'minimum' | 'maximum', exclusive: 'exclusiveMinimum' | 'exclusiveMaximum') {
  const convert = (_value: unknown, node: SchemaNode): Record<string, unknown> => {
    const {[inclusive]: limit, [exclusive]: beyond} = node;
    if (typeof beyond !== 'number') {
      return {
        ...(limit === undefined ? {} : {[inclusive]: limit}),
        ...(beyond === undefined ? {} : {[exclusive]: beyond}),
      };
    }
    const limitIsStricter = typeof limit === 'number' && (inclusive === 'minimum' ? limit > beyond : limit < beyond);
    return limitIsStricter ? {[inclusive]: limit} : {[inclusive]: beyond, [exclusive]: true};
  };
  return {
    [inclusive]: {...number, convert},
    [exclusive]: {...bounding, convert},
  };
}

function additionalPropertiesProblem(value: unknown): string | undefined {
  return typeof value === 'boolean'
    ? `can not be ${value}: unknown fields are pruned; use preserveUnknown() to keep them`
    : undefined;
}

function ruleProblem(value: unknown): string | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    return 'must be a list of rules';
  }
  for (const rule of value) {
    if (!isSchemaNode(rule)) {
      return 'must be a list of rules';
    }
    const unknown = Object.keys(rule).find((name) => !ruleFields.has(name));
    if (unknown !== undefined) {
      return `has a rule with the unknown field ${unknown}`;
    }
    if (typeof rule['rule'] !== 'string' || rule['rule'].trim() === '') {
      return 'has a rule without an expression';
    }
    const messages = [rule['message'], rule['messageExpression']].filter((message) => message !== undefined);
    if (messages.length === 0 || !isNames(messages)) {
      return `has a rule without a message: ${rule['rule']}`;
    }
    if (messages.some((message) => /[\r\n]/.test(message))) {
      return 'has a message of more than one line';
    }
    if (!ruleReasons.has(rule['reason'])) {
      return `has a rule with an unknown reason: ${rule['rule']}`;
    }
  }
  return undefined;
}

function enumProblem(value: unknown): string | undefined {
  return Array.isArray(value) && value.length > 0 && new Set(value).size === value.length
    ? undefined
    : 'must be a list of different values';
}

/** All 44 fields of JSONSchemaProps, in the order in which they are written. There is nothing else. */
export const keywords: Readonly<Record<string, Keyword>> = {
  id: forbidden('is not supported'),
  $schema: forbidden('is not supported'),
  $ref: forbidden('is not supported: repeat the schema, or use preserveUnknown() for recursion'),
  title: text,
  description: text,
  externalDocs: anything,
  example: anything,
  type: anything,
  format: is((value) => formats.has(value), `one of ${[...formats].join(', ')}`),
  nullable: flag,
  default: is((value) => value !== null, 'a value'),
  enum: {problem: enumProblem},
  pattern: {
    problem(value) {
      const problem = typeof value === 'string' ? patternProblem(value) : 'not a string';
      return problem === undefined ? undefined : `is not understood by RE2 and JavaScript alike: ${problem}`;
    },
  },
  minLength: count,
  maxLength: count,
  ...bound('minimum', 'exclusiveMinimum'),
  ...bound('maximum', 'exclusiveMaximum'),
  multipleOf: number,
  minItems: count,
  maxItems: count,
  uniqueItems: forbidden('is not supported: use setOf()'),
  minProperties: count,
  maxProperties: count,
  required: is(isNames, 'a list of names'),
  properties: child,
  patternProperties: forbidden('is not supported: use mapOf()'),
  additionalProperties: {problem: additionalPropertiesProblem, convert: () => ({})},
  items: {
    problem: (value) => (Array.isArray(value) ? 'can not be a list of schemas: a CRD has no tuples' : undefined),
    convert: () => ({}),
  },
  additionalItems: forbidden('is not supported'),
  dependencies: forbidden('is not supported: use cel()'),
  definitions: forbidden('is not supported: repeat the schema'),
  allOf: child,
  anyOf: child,
  oneOf: child,
  not: child,
  'x-kubernetes-embedded-resource': onlyTrue,
  'x-kubernetes-int-or-string': onlyTrue,
  'x-kubernetes-list-map-keys': is((value) => Array.isArray(value) && value.length > 0, 'a list of names'),
  'x-kubernetes-list-type': is(
    (value) => value === 'atomic' || value === 'set' || value === 'map',
    'atomic, set or map',
  ),
  'x-kubernetes-map-type': is((value) => value === 'atomic' || value === 'granular', 'atomic or granular'),
  'x-kubernetes-preserve-unknown-fields': onlyTrue,
  'x-kubernetes-validations': {problem: ruleProblem},
};
