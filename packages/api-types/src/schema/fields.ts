/**
 * The vocabulary in which the kinds are written. Each helper gives a TypeBox schema whose static type is the JSON on the wire and whose
 * keywords the API server takes; `toStructuralSchema` has the last word. Nothing outside this folder imports TypeBox.
 *
 * Bounds are arguments and not options, so that a field without one does not compile.
 */
import {type Static, type TArray, type TObject, type TProperties, type TSchema, type TUnsafe, Type} from 'typebox';
import type {ValidationRule} from './cel.ts';

export type {Static, TObject, TProperties, TSchema};

/** What every field may carry. */
export interface FieldOptions {
  /** Shown by `kubectl explain`. */
  description?: string;
  /** Filled in by the API server on write and on read. */
  default?: unknown;
  /** CEL rules; see {@link cel}. */
  rules?: readonly ValidationRule[];
}

function keywords({description, default: value, rules}: FieldOptions): Record<string, unknown> {
  return {
    ...(description === undefined ? {} : {description}),
    ...(value === undefined ? {} : {default: value}),
    ...(rules === undefined ? {} : {'x-kubernetes-validations': rules}),
  };
}

export interface ObjectOptions extends FieldOptions {
  /** Keeps fields that are not named here. Kubernetes checks and keeps only what the schema names otherwise. */
  preserveUnknownFields?: boolean;
}

/** An object; every property that is not {@link optional} is required. */
export function object<P extends TProperties>(properties: P, options: ObjectOptions = {}): TObject<P> {
  return Type.Object(properties, {
    ...keywords(options),
    ...(options.preserveUnknownFields ? {'x-kubernetes-preserve-unknown-fields': true} : {}),
  });
}

/** Marks a property as one that may be absent. */
export function optional<S extends TSchema>(schema: S) {
  return Type.Optional(schema);
}

/** A string of at most `maxLength` characters (Unicode code points, as the API server counts). */
export function string(maxLength: number, options: FieldOptions & {minLength?: number; pattern?: string} = {}) {
  return Type.String({
    maxLength,
    ...(options.minLength === undefined ? {} : {minLength: options.minLength}),
    ...(options.pattern === undefined ? {} : {pattern: options.pattern}),
    ...keywords(options),
  });
}

/** A string of at most `maxLength` characters whose static type is narrower than the schema says: the set may grow before the CRD does. */
export function openEnum<T extends string>(maxLength: number, options: FieldOptions = {}): TUnsafe<T> {
  return Type.Unsafe<T>({type: 'string', maxLength, ...keywords(options)});
}

/** One of the given strings. */
export function stringEnum<const T extends readonly string[]>(
  values: T,
  options: FieldOptions = {},
): TUnsafe<T[number]> {
  return Type.Unsafe<T[number]>({type: 'string', enum: [...values], ...keywords(options)});
}

/** An RFC 3339 time with up to six digits of a second. */
export function time(options: FieldOptions = {}): TUnsafe<string> {
  return Type.Unsafe<string>({type: 'string', format: 'date-time', maxLength: 40, ...keywords(options)});
}

/** A whole number between `minimum` and `maximum`, both included. */
export function integer(minimum: number, maximum: number, options: FieldOptions = {}) {
  return Type.Integer({minimum, maximum, ...keywords(options)});
}

export function boolean(options: FieldOptions = {}) {
  return Type.Boolean(keywords(options));
}

/** A list whose order counts and which is replaced as a whole by server-side apply. */
export function listOf<S extends TSchema>(items: S, maxItems: number, options: FieldOptions = {}): TArray<S> {
  return Type.Array(items, {maxItems, 'x-kubernetes-list-type': 'atomic', ...keywords(options)});
}

/** A list of different scalars. */
export function setOf<S extends TSchema>(items: S, maxItems: number, options: FieldOptions = {}): TArray<S> {
  return Type.Array(items, {maxItems, 'x-kubernetes-list-type': 'set', ...keywords(options)});
}

/** A list of objects with unique keys; server-side apply merges it item by item. */
export function mapList<P extends TProperties>(
  items: TObject<P>,
  keys: readonly (keyof P & string)[],
  maxItems: number,
  options: FieldOptions = {},
): TArray<TObject<P>> {
  return Type.Array(items, {
    maxItems,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': [...keys],
    ...keywords(options),
  });
}

/** An object with free keys: JSON Schema's `additionalProperties`. The length of keys can be bounded by a rule only. */
export function mapOf<S extends TSchema>(
  values: S,
  maxProperties: number,
  options: FieldOptions = {},
): TUnsafe<Record<string, Static<S>>> {
  return Type.Unsafe<Record<string, Static<S>>>({
    type: 'object',
    additionalProperties: values,
    maxProperties,
    ...keywords(options),
  });
}

/** A field that may be null as well. */
export function nullable<S extends TSchema>(schema: S): TUnsafe<Static<S> | null> {
  return Type.Unsafe<Static<S> | null>({...schema, nullable: true});
}

/** Kubernetes' IntOrString; `pattern` holds for the string form. */
export function intOrString(
  maxLength: number,
  options: FieldOptions & {pattern?: string} = {},
): TUnsafe<number | string> {
  return Type.Unsafe<number | string>({
    'x-kubernetes-int-or-string': true,
    anyOf: [{type: 'integer'}, {type: 'string'}],
    maxLength,
    ...(options.pattern === undefined ? {} : {pattern: options.pattern}),
    ...keywords(options),
  });
}

/** An object that is kept as it is. Its size has no bound but that of the request. */
export function preserveUnknown<T = Record<string, unknown>>(options: FieldOptions = {}): TUnsafe<T> {
  return Type.Unsafe<T>({type: 'object', 'x-kubernetes-preserve-unknown-fields': true, ...keywords(options)});
}

/** Gives a schema the static type `T`, where another package defines the type of what the schema describes in part. */
export function typedAs<T>(schema: TSchema): TUnsafe<T> {
  return Type.Unsafe<T>({...schema});
}
