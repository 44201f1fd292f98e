import {type FieldError, fieldErrors, ShownValue} from '../errors/field-error.ts';
import {goJson} from '../errors/go-text.ts';
import {rulePath} from '../schema/rule-path.ts';
import type {Schema} from '../schema/schema.ts';
import type {DefinitionSubresources, DefinitionVersion, PrinterColumn, SelectableField} from './definition.ts';

const MAX_SELECTABLE_FIELDS = 8;
const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

export function deprecationErrors({deprecated, deprecationWarning}: DefinitionVersion, path: string): FieldError[] {
  if (deprecationWarning === undefined) return [];
  const problems: string[] = [];
  if (deprecated !== true) problems.push('can only be set for deprecated versions');
  else {
    if (Buffer.byteLength(deprecationWarning) > 256) problems.push('must be <= 256 characters long');
    if (deprecationWarning === '') problems.push('must not be an empty string');
    const strange = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(deprecationWarning);
    if (strange) {
      const index = Buffer.byteLength(deprecationWarning.slice(0, strange.index));
      const what = 'must only contain printable UTF-8 characters; non-printable character found at index';
      problems.push(`${what} ${index}`);
    }
  }
  const value = new ShownValue(goJson(deprecationWarning));
  return problems.map((problem) => fieldErrors.invalid(`${path}.deprecationWarning`, value, problem));
}

export function subresourceErrors(subresources: DefinitionSubresources | undefined, path: string): FieldError[] {
  const scale = subresources?.scale;
  if (!scale) return [];
  const {specReplicasPath, statusReplicasPath, labelSelectorPath = ''} = scale;
  return [
    ...scalePathErrors(specReplicasPath, `${path}.scale.specReplicasPath`, ['.spec.'], 'under .spec'),
    ...scalePathErrors(statusReplicasPath, `${path}.scale.statusReplicasPath`, ['.status.'], 'under .status'),
    ...(labelSelectorPath === ''
      ? []
      : scalePathErrors(
          labelSelectorPath,
          `${path}.scale.labelSelectorPath`,
          ['.spec.', '.status.'],
          'under either .spec or .status',
        )),
  ];
}

function scalePathErrors(value: string, path: string, roots: readonly string[], where: string): FieldError[] {
  if (value === '') return [fieldErrors.required(path)];
  if (!value.startsWith('.')) return [simplePathError(value, path)];
  if (roots.some((root) => value.startsWith(root))) return [];
  return [fieldErrors.invalid(path, value, `should be a json path ${where}`)];
}

function simplePathError(value: string, path: string): FieldError {
  return fieldErrors.invalid(path, value, 'must be a simple json path starting with .');
}

export function columnErrors(columns: readonly PrinterColumn[] = [], path: string): FieldError[] {
  return columns.flatMap(({name, type, format = '', jsonPath}, index) => {
    const errors: FieldError[] = [];
    const at = (field: string): string => `${path}[${index}].${field}`;
    const oneOf = (known: readonly string[]): string => `must be one of ${known.join(',')}`;
    if (name === '') errors.push(fieldErrors.required(at('name')));
    if (type === '') errors.push(fieldErrors.required(at('type'), oneOf(columnTypes)));
    else if (!columnTypes.includes(type)) errors.push(fieldErrors.invalid(at('type'), type, oneOf(columnTypes)));
    if (format !== '' && !columnFormats.includes(format)) {
      errors.push(fieldErrors.invalid(at('format'), format, oneOf(columnFormats)));
    }
    if (jsonPath === '') errors.push(fieldErrors.required(at('JSONPath')));
    else if (!jsonPath.startsWith('.')) errors.push(simplePathError(jsonPath, at('JSONPath')));
    return errors;
  });
}

export function selectableFieldErrors(
  fields: readonly SelectableField[],
  schema: Schema | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, {jsonPath}] of fields.entries()) {
    const place = `${path}[${index}].jsonPath`;
    if (jsonPath === '') {
      errors.push(fieldErrors.required(place));
      continue;
    }
    const found = schema
      ? rulePath(jsonPath, schema, {arrayNotation: false})
      : {error: 'does not refer to a valid field'};
    if ('error' in found) {
      errors.push(fieldErrors.invalid(place, jsonPath, `is an invalid path: ${found.error}`));
      continue;
    }
    if (/^metadata(?:[.[]|$)/.test(found.path)) {
      errors.push(fieldErrors.invalid(place, jsonPath, 'must not point to fields in metadata'));
    }
    if (!['string', 'boolean', 'integer'].includes(found.schema.type ?? '')) {
      const detail =
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.';
      errors.push(fieldErrors.invalid(place, jsonPath, detail));
    }
    if (seen.has(found.path)) errors.push(fieldErrors.duplicate(place, jsonPath));
    seen.add(found.path);
  }
  if (seen.size > MAX_SELECTABLE_FIELDS) errors.push(fieldErrors.tooMany(path, seen.size, MAX_SELECTABLE_FIELDS));
  return errors;
}
