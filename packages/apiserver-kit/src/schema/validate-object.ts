import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import type {JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {embeddedResourceErrors} from './embedded-resources.ts';
import {duplicatesInLists} from './list-types.ts';
import {compileRules} from './rules.ts';
import type {Schema} from './schema.ts';
import {validateValue} from './validate.ts';

export interface ValidateObjectOptions {
  /** Undefined on create. */
  old?: KubeObject | undefined;
  /** `status`: only that part has changed. */
  subresource?: string;
  /** Told of what is wrong and tolerated because it has not changed. */
  warn?: (text: string) => void;
  /** What was found before, of metadata for one; what is found is added behind it. */
  found?: readonly FieldError[];
}

const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

/**
 * Everything that the schema of a custom resource says: values, embedded resources, lists of types `set` and `map`, and, if no value is
 * of a shape that rules can't rely on, the rules. The order is that of Kubernetes.
 */
export function validateObject(object: KubeObject, schema: Schema, options: ValidateObjectOptions = {}): FieldError[] {
  const {old, found = []} = options;
  // Not as arguments of a call: there may be more of them than the stack takes.
  let errors = found.concat(
    options.subresource === 'status'
      ? statusErrors(object, schema, old)
      : validateValue(object, schema, old === undefined ? {} : {old}).concat(embeddedResourceErrors(object, schema)),
  );
  const duplicates = duplicatesInLists(object, schema);
  const wereThere = duplicates.length > 0 && old !== undefined && duplicatesInLists(old, schema).length > 0;
  if (!wereThere) errors = errors.concat(duplicates);
  const rules = compileRules(schema);
  if (!rules.exist) return errors;
  if (errors.some(({type}) => blocking.has(type))) {
    const detail =
      'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
    return [...errors, fieldErrors.invalid('<nil>', null, detail)];
  }
  return [...errors, ...rules.validate(object, old, options.warn ? {warn: options.warn} : {})];
}

function statusErrors(object: KubeObject, schema: Schema, old: KubeObject | undefined): FieldError[] {
  const status = object['status'];
  const statusSchema = schema.properties?.['status'];
  if (status === undefined || statusSchema === undefined) return [];
  const before: JsonValue | undefined = old?.['status'];
  return validateValue(status, statusSchema, {path: 'status', ...(before === undefined ? {} : {old: before})});
}
