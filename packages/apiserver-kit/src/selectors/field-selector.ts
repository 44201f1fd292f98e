import {statusErrors} from '../errors/status-error.ts';
import type {Resource} from '../registry/resource.ts';

export interface FieldRequirement {
  /** Path of a field, such as `metadata.name`. */
  field: string;
  operator: '=' | '!=';
  value: string;
}

/** Which objects are meant, by the text of some fields: all requirements must hold. */
export class FieldSelector {
  static readonly everything = new FieldSelector([]);

  readonly requirements: readonly FieldRequirement[];

  constructor(requirements: readonly FieldRequirement[]) {
    this.requirements = requirements;
  }

  get empty(): boolean {
    return this.requirements.length === 0;
  }

  /** @param valueOf text of a field; empty where it is not there */
  matches(valueOf: (field: string) => string): boolean {
    return this.requirements.every(({field, operator, value}) => (valueOf(field) === value) === (operator === '='));
  }

  /** What a field must be equal to; undefined: it may be anything. Of several that exclude each other, the first. */
  requiredValue(field: string): string | undefined {
    return this.requirements.find((requirement) => requirement.field === field && requirement.operator === '=')?.value;
  }
}

/**
 * Parses what `fieldSelector=` says: `metadata.name=x,status.phase!=Running`. A backslash escapes `\`, `,` and `=` in values.
 *
 * @throws StatusError 400 in Kubernetes' words
 * @see https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
 */
export function parseFieldSelector(text: string): FieldSelector {
  if (text === '') return FieldSelector.everything;
  const requirements: FieldRequirement[] = [];
  for (const term of termsOf(text)) {
    if (term === '') continue;
    const match = /^((?:[^\\]|\\.)*?)(!=|==|=)(.*)$/su.exec(term);
    if (!match) {
      throw statusErrors.badRequest(`invalid selector: '${text}'; can't understand '${term}'`);
    }
    requirements.push({field: match[1]!, operator: match[2] === '!=' ? '!=' : '=', value: unescape(match[3]!)});
  }
  return requirements.length === 0 ? FieldSelector.everything : new FieldSelector(requirements);
}

/** Splits at commas that are not escaped. */
function termsOf(text: string): string[] {
  const terms: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === ',') {
      terms.push(text.slice(from, at));
      from = at + 1;
    }
  }
  terms.push(text.slice(from));
  return terms;
}

function unescape(text: string): string {
  let value = '';
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (character === '\\') {
      const escaped = text[++at] ?? '';
      if (escaped === '' || !'\\,='.includes(escaped)) {
        const point = String.fromCodePoint(...(escaped === '' ? [] : [text.codePointAt(at)!]));
        throw statusErrors.badRequest(`invalid field selector: invalid escape sequence: \\${point}`);
      }
      value += escaped;
    } else if (character === '=' || character === ',') {
      throw statusErrors.badRequest(
        `invalid field selector: unescaped character in value: ${character.codePointAt(0)}`,
      );
    } else value += character;
  }
  return value;
}

/**
 * Refuses fields by which a kind cannot be selected.
 *
 * @param selectable paths beside name and namespace; undefined: none
 * @throws StatusError 400 in Kubernetes' words
 */
export function checkFieldSelector(
  selector: FieldSelector,
  kind: Pick<Resource, 'custom' | 'namespaced'>,
  selectable: readonly string[] | undefined,
): void {
  const plain = !kind.custom && selectable === undefined;
  for (const {field} of selector.requirements) {
    if (field === 'metadata.name' || selectable?.includes(field)) continue;
    if (field === 'metadata.namespace' && (plain || kind.namespaced)) continue;
    throw statusErrors.badRequest(
      plain
        ? `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`
        : `field label not supported: ${field}`,
    );
  }
}
