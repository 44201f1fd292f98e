import {goJson, goNumber, goQuote} from './go-text.ts';

/** How a value of a field is wrong. The strings are those of `details.causes[].reason` in a Status. */
export type FieldErrorType =
  | 'FieldValueNotFound'
  | 'FieldValueRequired'
  | 'FieldValueDuplicate'
  | 'FieldValueInvalid'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError'
  | 'FieldValueTypeInvalid';

/** One thing that is wrong with an object. */
export interface FieldError {
  type: FieldErrorType;
  /** Such as `spec.containers[0].name`. */
  field: string;
  /** With the kind of the error in front, as Kubernetes writes it: `Invalid value: "x": must be …`. */
  message: string;
}

const titles: Readonly<Record<FieldErrorType, string>> = {
  FieldValueNotFound: 'Not found',
  FieldValueRequired: 'Required value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueInvalid: 'Invalid value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  InternalError: 'Internal error',
  FieldValueTypeInvalid: 'Invalid value',
};

/** In the place of a value: its text as it is shown. */
export class ShownValue {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** In the place of a value that is not shown. */
export const OMITTED = Symbol('omitted');

/** Builds field errors in Kubernetes' words. `value` is what was found, shown as Go's `%q` or JSON. */
export const fieldErrors = {
  required(field: string, detail = ''): FieldError {
    return make('FieldValueRequired', field, detail);
  },
  invalid(field: string, value: unknown, detail: string): FieldError {
    return make('FieldValueInvalid', field, detail, value);
  },
  typeInvalid(field: string, value: unknown, detail: string): FieldError {
    return make('FieldValueTypeInvalid', field, detail, value);
  },
  notSupported(field: string, value: unknown, supported: readonly string[]): FieldError {
    const quoted = supported.map(goQuote).join(', ');
    return make('FieldValueNotSupported', field, supported.length > 0 ? `supported values: ${quoted}` : '', value);
  },
  forbidden(field: string, detail: string): FieldError {
    return make('FieldValueForbidden', field, detail);
  },
  duplicate(field: string, value: unknown): FieldError {
    return make('FieldValueDuplicate', field, '', value);
  },
  notFound(field: string, value: unknown): FieldError {
    return make('FieldValueNotFound', field, '', value);
  },
  /** @param maxBytes the longest there may be; the value itself is not shown */
  tooLong(field: string, maxBytes: number): FieldError {
    return make('FieldValueTooLong', field, `may not be more than ${maxBytes} bytes`);
  },
  tooMany(field: string, actual: number, max: number): FieldError {
    return make('FieldValueTooMany', field, `must have at most ${max} items`, actual);
  },
  internal(field: string, detail: string): FieldError {
    return make('InternalError', field, detail);
  },
};

function make(type: FieldErrorType, field: string, detail: string, ...value: [] | [unknown]): FieldError {
  const parts = [titles[type]];
  if (value.length === 1 && value[0] !== OMITTED) parts.push(show(value[0]));
  if (detail !== '') parts.push(detail);
  return {type, field, message: parts.join(': ')};
}

function show(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  if (value instanceof ShownValue) return value.text;
  return typeof value === 'number' ? goNumber(value) : goJson(value ?? null);
}

/** The sentence of several, as Go's aggregate error writes it. */
export function describeFieldErrors(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map(({field, message}) => `${field}: ${message}`))];
  return texts.length === 1 ? texts[0]! : `[${texts.join(', ')}]`;
}
