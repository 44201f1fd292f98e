import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {goQuote} from '../errors/go-text.ts';
import {statusErrors} from '../errors/status-error.ts';
import type {RequestContext} from '../registry/request-context.ts';

const MANAGER_BYTES = 128;
const META_GROUP = 'meta.k8s.io';
const validations: ReadonlySet<string> = new Set(['', 'Ignore', 'Strict', 'Warn']);

/** Parameters that every write takes. */
export interface WriteOptions {
  dryRun: boolean;
  fieldManager: string;
  fieldValidation: RequestContext['fieldValidation'];
}

/**
 * Checks `dryRun`, `fieldManager`, `fieldValidation` and, of a patch, `force`.
 *
 * @param kind CreateOptions, UpdateOptions, PatchOptions
 * @param isApply undefined: it is no patch
 * @throws StatusError 422
 */
export function checkWriteOptions(kind: string, query: URLSearchParams, isApply?: boolean): void {
  const errors: FieldError[] = [];
  const manager = query.get('fieldManager') ?? '';
  if (isApply === true && manager === '') {
    errors.push(fieldErrors.required('fieldManager', 'is required for apply patch'));
  }
  if (isApply === false && query.has('force')) {
    errors.push(fieldErrors.forbidden('force', 'may not be specified for non-apply patch'));
  }
  errors.push(...managerErrors(manager), ...dryRunErrors(query.getAll('dryRun')));
  const validation = query.get('fieldValidation') ?? '';
  if (!validations.has(validation)) {
    errors.push(fieldErrors.notSupported('fieldValidation', validation, [...validations]));
  }
  if (errors.length > 0) throw statusErrors.invalid({group: META_GROUP, name: kind}, '', errors);
}

/** @see checkWriteOptions, which must have found no fault in them */
export function writeOptionsOf(query: URLSearchParams, userAgent: string): WriteOptions {
  const validation = query.get('fieldValidation') ?? '';
  return {
    dryRun: query.getAll('dryRun').includes('All'),
    fieldManager: query.get('fieldManager') || managerOf(userAgent),
    fieldValidation: validation === 'Strict' || validation === 'Ignore' ? validation : 'Warn',
  };
}

export function dryRunErrors(values: readonly string[]): FieldError[] {
  if (values.every((value) => value === 'All')) return [];
  return [fieldErrors.notSupported('dryRun', [...values], ['All'])];
}

function managerErrors(manager: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(manager) > MANAGER_BYTES) errors.push(fieldErrors.tooLong('fieldManager', MANAGER_BYTES));
  let index = 0;
  for (const character of manager) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) {
      const code = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
      const message = `Invalid value: ${goQuote(manager)}: invalid character U+${code} (at position ${index})`;
      errors.push({type: 'FieldValueInvalid', field: 'fieldManager', message});
    }
    index += Buffer.byteLength(character);
  }
  return errors;
}

/** The program that a User-Agent names: what stands before the first slash. */
function managerOf(userAgent: string): string {
  const name = userAgent.split('/', 1)[0]!;
  let kept = '';
  for (const character of name) {
    if (!/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(character)) continue;
    if (Buffer.byteLength(kept + character) > MANAGER_BYTES) break;
    kept += character;
  }
  return kept;
}
