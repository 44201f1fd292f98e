import {label1035Problems, labelProblems, maskTrailingDash, subdomainProblems} from '../../registry/name-rules.ts';
import {hasFormat} from '../../schema/formats.ts';
import {labelKeyProblems, labelValueProblems} from '../../selectors/label-syntax.ts';
import {functionTable} from '../function-table.ts';
import {type Opaque, Optional} from '../values.ts';

const typeName = 'kubernetes.NamedFormat';

/** A format that texts may have. */
class Format implements Opaque {
  readonly typeName = typeName;
  readonly #problems: (text: string) => string[];

  constructor(problems: (text: string) => string[]) {
    this.#problems = problems;
  }

  equals(other: Opaque): boolean {
    return other === this;
  }

  /** What is wrong with a text; none if nothing is. */
  validate(text: string): Optional {
    const problems = this.#problems(text);
    return problems.length === 0 ? Optional.none : new Optional(problems);
  }
}

function prefix(problems: (name: string) => string[]): Format {
  return new Format((text) => problems(maskTrailingDash(text)));
}

function schemaFormat(name: string, problem: string): Format {
  return new Format((text) => (hasFormat(name, text) === true ? [] : [problem]));
}

const formats: ReadonlyMap<string, Format> = new Map([
  ['dns1123Label', new Format(labelProblems)],
  ['dns1123Subdomain', new Format(subdomainProblems)],
  ['dns1035Label', new Format(label1035Problems)],
  ['qualifiedName', new Format(labelKeyProblems)],
  ['dns1123LabelPrefix', prefix(labelProblems)],
  ['dns1123SubdomainPrefix', prefix(subdomainProblems)],
  ['dns1035LabelPrefix', prefix(label1035Problems)],
  ['labelValue', new Format(labelValueProblems)],
  ['uri', schemaFormat('uri', 'invalid URI for request')],
  ['uuid', schemaFormat('uuid', 'does not match the UUID format')],
  ['byte', schemaFormat('byte', 'invalid base64')],
  ['date', schemaFormat('date', 'invalid date')],
  ['datetime', schemaFormat('datetime', 'invalid datetime')],
]);

/** @see https://kubernetes.io/docs/reference/using-api/cel/#kubernetes-format-library */
export const formatLibrary = functionTable({
  'format.named': {
    [`(string): optional(${typeName})`]: (name: string) => {
      const format = formats.get(name);
      return format ? new Optional(format) : Optional.none;
    },
  },
  validate: {
    [`${typeName}.(string): optional(list(string))`]: (format: Format, text: string) => format.validate(text),
  },
  ...Object.fromEntries(
    [...formats].map(([name, format]) => [`format.${name}`, {[`(): ${typeName}`]: () => format}] as const),
  ),
});
