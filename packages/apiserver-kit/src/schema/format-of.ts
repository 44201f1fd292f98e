import {isStringFormat} from './formats.ts';
import type {Schema} from './schema.ts';

/** The format, unless it means nothing for a value of this type. */
export function formatOf({type, format, 'x-kubernetes-int-or-string': isIntOrString}: Schema): string {
  if (format === undefined) return '';
  if (isIntOrString !== true) {
    if (type === 'integer') return format === 'int32' || format === 'int64' ? format : '';
    if (type === 'number') return format === 'float' || format === 'double' ? format : '';
    if (type !== undefined && type !== 'string') return '';
  }
  return isStringFormat(format) ? format : '';
}
