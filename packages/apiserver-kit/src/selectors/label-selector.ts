import {statusErrors} from '../errors/status-error.ts';
import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import {labelKeyProblems, labelValueProblems} from './label-syntax.ts';

export type LabelOperator = 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

/** One condition on a label. `n=a` is `n in (a)`. */
export interface LabelRequirement {
  key: string;
  operator: LabelOperator;
  /** Sorted, each once. */
  values: readonly string[];
}

export type Labels = Readonly<Record<string, string>>;

/** Which objects are meant, by their labels: all requirements must hold. */
export class LabelSelector {
  static readonly everything = new LabelSelector([]);

  readonly requirements: readonly LabelRequirement[];
  readonly #tests: readonly ((labels: Labels) => boolean)[];

  constructor(requirements: readonly LabelRequirement[]) {
    this.requirements = requirements;
    this.#tests = requirements.map(testOf);
  }

  /** Whether it selects everything. */
  get empty(): boolean {
    return this.requirements.length === 0;
  }

  matches(labels: Labels | undefined): boolean {
    return this.#tests.every((test) => test(labels ?? {}));
  }
}

function testOf({key, operator, values}: LabelRequirement): (labels: Labels) => boolean {
  const valueOf = (labels: Labels): string | undefined => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  switch (operator) {
    case 'in': {
      if (values.length === 1) return (labels) => valueOf(labels) === values[0];
      const wanted = new Set(values);
      return (labels) => wanted.has(valueOf(labels) as string);
    }
    case 'notin': {
      const refused = new Set(values);
      return (labels) => !refused.has(valueOf(labels) as string);
    }
    case 'exists':
      return (labels) => valueOf(labels) !== undefined;
    case '!':
      return (labels) => valueOf(labels) === undefined;
    case 'gt':
    case 'lt': {
      const limit = toInteger(values[0] ?? '');
      return (labels) => {
        const value = toInteger(valueOf(labels) ?? '');
        if (value === undefined || limit === undefined) return false;
        return operator === 'gt' ? value > limit : value < limit;
      };
    }
  }
}

/** A decimal integer of 64 bits. */
function toInteger(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text) || text.length > 64) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return BigInt.asIntN(64, value) === value ? value : undefined;
}

/**
 * A requirement of what a client asks for.
 *
 * @throws Error in Kubernetes' words if a key or a value can be of no label
 */
export function labelRequirement(key: string, operator: LabelOperator, values: readonly string[]): LabelRequirement {
  const problems: string[] = [];
  const invalid = (field: string, value: string, texts: readonly string[]): void => {
    if (texts.length > 0) problems.push(`${field}: Invalid value: ${JSON.stringify(value)}: ${texts.join('; ')}`);
  };
  invalid('key', key, labelKeyProblems(key));
  const sorted = [...new Set(values)].sort();
  switch (operator) {
    case 'in':
    case 'notin':
      if (sorted.length === 0) {
        problems.push("values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty");
      }
      break;
    case 'exists':
    case '!':
      if (sorted.length > 0) {
        problems.push(
          `values: Invalid value: ${JSON.stringify(sorted)}: values set must be empty for exists and does not exist`,
        );
      }
      break;
    case 'gt':
    case 'lt':
      if (toInteger(sorted[0] ?? '') === undefined) {
        invalid('values[0]', sorted[0] ?? '', ["for 'Gt', 'Lt' operators, the value must be an integer"]);
      }
  }
  for (const [index, value] of sorted.entries()) {
    invalid(`values[${index}][${key}]`, value, labelValueProblems(value));
  }
  if (problems.length > 0) throw new Error(problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`);
  return {key, operator, values: sorted};
}

const OPERATORS: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/**
 * Of a `LabelSelector` object (`matchLabels`, `matchExpressions`); an empty one selects everything.
 *
 * @throws StatusError 400
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/label-selector/
 */
export function toLabelSelector(object: JsonObject): LabelSelector {
  const requirements: LabelRequirement[] = [];
  const add = (key: string, operator: LabelOperator, values: readonly string[]): void => {
    try {
      requirements.push(labelRequirement(key, operator, values));
    } catch (error) {
      throw statusErrors.badRequest((error as Error).message);
    }
  };
  const labels = isJsonObject(object['matchLabels']) ? object['matchLabels'] : {};
  for (const key of Object.keys(labels).sort()) add(key, 'in', [textOf(labels[key])]);
  const expressions = Array.isArray(object['matchExpressions']) ? object['matchExpressions'] : [];
  for (const expression of expressions) {
    if (!isJsonObject(expression)) continue;
    const name = textOf(expression['operator']);
    const operator = Object.hasOwn(OPERATORS, name) ? OPERATORS[name] : undefined;
    if (operator === undefined) {
      throw statusErrors.badRequest(`${JSON.stringify(name)} is not a valid label selector operator`);
    }
    const values = Array.isArray(expression['values']) ? expression['values'] : [];
    add(textOf(expression['key']), operator, values.map(textOf));
  }
  return new LabelSelector(requirements);
}

/** Schemas have seen to it that there are only strings. */
function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
