import {fieldErrors} from '../errors/field-error.ts';
import {goDouble} from '../errors/go-text.ts';
import type {Findings} from './findings.ts';
import type {Schema} from './schema.ts';

/** Bounds of a number. An integer is compared with the whole part of a bound. */
export function checkNumber(value: number | bigint, schema: Schema, path: string, findings: Findings): void {
  const {minimum, maximum, multipleOf} = schema;
  const kind = kindOf(schema);
  checkRange(value, kind, 'Checked', path, findings);
  if (multipleOf !== undefined) checkMultiple(value, multipleOf, kind, path, findings);
  if (maximum !== undefined) {
    checkRange(maximum, kind, 'Maximum boundary', path, findings);
    checkBound(
      {value, bound: maximum, isExclusive: schema.exclusiveMaximum === true, isMaximum: true, kind, path},
      findings,
    );
  }
  if (minimum !== undefined) {
    checkRange(minimum, kind, 'Minimum boundary', path, findings);
    checkBound(
      {value, bound: minimum, isExclusive: schema.exclusiveMinimum === true, isMaximum: false, kind, path},
      findings,
    );
  }
}

interface Kind {
  type: 'integer' | 'number' | '';
  format: string;
}

function kindOf({type, format = '', 'x-kubernetes-int-or-string': isIntOrString}: Schema): Kind {
  if (isIntOrString === true) return {type: '', format: ''};
  if (type === 'integer') return {type, format: format === 'int32' || format === 'int64' ? format : ''};
  if (type === 'number') return {type, format: format === 'float' || format === 'double' ? format : ''};
  return {type: '', format: ''};
}

/** Whether a number is one of 64 bits that Go holds as an integer. */
function isInt64(value: number | bigint): boolean {
  return typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value);
}

function fitsKind(value: number | bigint, {type, format}: Kind): boolean {
  if (type === 'integer') {
    if (typeof value === 'number' && !Number.isInteger(value)) return false;
    const integer = BigInt(value);
    return BigInt.asIntN(format === 'int32' ? 32 : 64, integer) === integer;
  }
  return format !== 'float' || Number.isFinite(Math.fround(Number(value)));
}

function checkRange(value: number | bigint, kind: Kind, what: string, path: string, findings: Findings): void {
  if (fitsKind(value, kind)) return;
  const format = kind.format === '' ? '(default format)' : `with format ${kind.format}`;
  findings.addGeneral(`${what} value must be of type ${kind.type} ${format} in ${path}`);
}

interface Bound {
  value: number | bigint;
  bound: number;
  isExclusive: boolean;
  isMaximum: boolean;
  kind: Kind;
  path: string;
}

function checkBound({value, bound, isExclusive, isMaximum, kind, path}: Bound, findings: Findings): void {
  const asInteger = isInt64(value) && fitsKind(bound, kind);
  const limit = asInteger ? Math.trunc(bound) : bound;
  const isBeyond = isMaximum ? value > limit : value < limit;
  if (!isBeyond && !(isExclusive && Number(value) === limit)) return;
  const shown = asInteger ? String(limit) : goDouble(limit);
  const relation = `${isMaximum ? 'less' : 'greater'} than${isExclusive ? '' : ' or equal to'}`;
  findings.add(fieldErrors.invalid(path, value, `${path} in body should be ${relation} ${shown}`));
}

function checkMultiple(value: number | bigint, factor: number, kind: Kind, path: string, findings: Findings): void {
  checkRange(factor, kind, 'MultipleOf', path, findings);
  const asInteger = isInt64(value) && fitsKind(factor, kind);
  const divisor = asInteger ? Math.trunc(factor) : factor;
  if (divisor <= 0) {
    const detail = `factor MultipleOf declared for ${path} must be positive: ${asInteger ? divisor : goDouble(divisor)}`;
    findings.add(fieldErrors.invalid(path, divisor, detail));
    return;
  }
  if (asInteger ? BigInt(value) % BigInt(divisor) === 0n : isWholeQuotient(Number(value), divisor)) return;
  const shown = asInteger ? String(divisor) : goDouble(divisor);
  findings.add(fieldErrors.invalid(path, value, `${path} in body should be a multiple of ${shown}`));
}

/** As near to a whole number as doubles can tell. */
function isWholeQuotient(value: number, divisor: number): boolean {
  const quotient = divisor < 1 ? (1 / divisor) * value : value / divisor;
  if (!Number.isFinite(quotient) || Math.abs(quotient) > Number.MAX_SAFE_INTEGER) return false;
  const rest = Math.abs(quotient - Math.trunc(quotient));
  return rest === 0 || rest / Math.abs(quotient) < 1e-9;
}
