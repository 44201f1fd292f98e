import {type FieldError, fieldErrors, ShownValue} from '../../errors/field-error.ts';
import {jsonEqual} from '../../json/json-equal.ts';
import type {JsonValue} from '../../json/json-value.ts';
import {labelKeyProblems, labelValueProblems} from '../../selectors/label-syntax.ts';

/** Rules of single fields that many kinds share, in Kubernetes' words. */

export function notNegative(value: number | undefined | null, path: string): FieldError[] {
  return (value ?? 0) < 0 ? [fieldErrors.invalid(path, value, 'must be greater than or equal to 0')] : [];
}

export function inRange(value: number, from: number, to: number, path: string): FieldError[] {
  return value < from || value > to
    ? [fieldErrors.invalid(path, value, `must be between ${from} and ${to}, inclusive`)]
    : [];
}

export function portNumber(value: number, path: string): FieldError[] {
  return inRange(value, 1, 65_535, path);
}

/** What a port may be called, and what is wrong with a name. */
export function portNameProblems(name: string): string[] {
  const problems: string[] = [];
  if (name.length > 15) problems.push('must be no more than 15 characters');
  if (!/^[-a-z0-9]+$/.test(name))
    problems.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) problems.push('must contain at least one letter (a-z)');
  if (name.includes('--')) problems.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) problems.push('must not begin or end with a hyphen');
  return problems;
}

/** A number, or the name of a port. */
export function portReference(value: string | number, path: string): FieldError[] {
  if (typeof value === 'number') return portNumber(value, path);
  return portNameProblems(value).map((problem) => fieldErrors.invalid(path, value, problem));
}

/** @param supported sorted as Kubernetes does, by the caller */
export function oneOf(value: string | undefined, supported: readonly string[], path: string): FieldError[] {
  return supported.includes(value ?? '') ? [] : [fieldErrors.notSupported(path, value ?? '', supported)];
}

/** Whether two parts of objects are the same; one that is not there is null. */
export function sameJson(a: unknown, b: unknown): boolean {
  return jsonEqual((a ?? null) as JsonValue, (b ?? null) as JsonValue);
}

export function immutable(value: unknown, old: unknown, path: string): FieldError[] {
  return sameJson(value, old) ? [] : [fieldErrors.invalid(path, value, 'field is immutable')];
}

/** A value as Kubernetes shows its own structs: with the names of Go's fields, in their order. */
export function goStruct(fields: object): ShownValue {
  return new ShownValue(JSON.stringify(fields));
}

export function asInvalid(problems: readonly string[], value: string, path: string): FieldError[] {
  return problems.map((problem) => fieldErrors.invalid(path, value, problem));
}

export function labels(value: Readonly<Record<string, string>> | undefined, path: string): FieldError[] {
  return Object.entries(value ?? {}).flatMap(([key, text]) => [
    ...asInvalid(labelKeyProblems(key), key, path),
    ...asInvalid(labelValueProblems(text), text, path),
  ]);
}

interface Selector {
  matchLabels?: Readonly<Record<string, string>>;
  matchExpressions?: readonly {key: string; operator: string; values?: readonly string[]}[];
}

/** A LabelSelector. */
export function labelSelector(selector: Selector | undefined, path: string): FieldError[] {
  const errors = labels(selector?.matchLabels, `${path}.matchLabels`);
  for (const [index, {key, operator, values = []}] of (selector?.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    if (operator === 'In' || operator === 'NotIn') {
      if (values.length === 0)
        errors.push(fieldErrors.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (operator === 'Exists' || operator === 'DoesNotExist') {
      if (values.length > 0)
        errors.push(
          fieldErrors.forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
    } else errors.push(fieldErrors.invalid(`${at}.operator`, operator, 'not a valid selector operator'));
    errors.push(...asInvalid(labelKeyProblems(key), key, `${at}.key`));
    for (const [position, value] of values.entries())
      errors.push(...asInvalid(labelValueProblems(value), value, `${at}.values[${position}]`));
  }
  return errors;
}

const KEY = /^[-._a-zA-Z0-9]+$/;

/** A key of a ConfigMap or Secret. */
export function configKeyProblems(key: string): string[] {
  const problems: string[] = [];
  if (key.length > 253) problems.push('must be no more than 253 characters');
  if (!KEY.test(key)) {
    problems.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  }
  if (key === '.') problems.push("must not be '.'");
  if (key === '..') problems.push("must not be '..'");
  else if (key.startsWith('..')) problems.push("must not start with '..'");
  return problems;
}

const VERSION_4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/;

export function isIpv4(text: string): boolean {
  return VERSION_4.test(text);
}

export function isIpAddress(text: string): boolean {
  return VERSION_4.test(text) || (text.includes(':') && URL.canParse(`http://[${text}]/`));
}
