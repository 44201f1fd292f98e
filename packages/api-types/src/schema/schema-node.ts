import {ApiTypesError} from '../errors.ts';
import type {ValidationRule} from './cel.ts';

/** A schema node before it is judged. */
export type SchemaNode = Readonly<Record<string, unknown>>;

/**
 * What comes out: JSONSchemaProps as far as a structural schema may use it. (kubernetes-types leaves the `x-kubernetes-*` fields out, and
 * has lists of schemas and booleans where a CRD has a schema.)
 */
export interface StructuralSchema {
  title?: string;
  description?: string;
  type?: string;
  format?: string;
  nullable?: boolean;
  default?: string | number | boolean | object;
  enum?: (string | number | boolean)[];
  pattern?: string;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  exclusiveMinimum?: boolean;
  maximum?: number;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minItems?: number;
  maxItems?: number;
  minProperties?: number;
  maxProperties?: number;
  required?: string[];
  properties?: Record<string, StructuralSchema>;
  additionalProperties?: StructuralSchema;
  items?: StructuralSchema;
  allOf?: StructuralSchema[];
  anyOf?: StructuralSchema[];
  oneOf?: StructuralSchema[];
  not?: StructuralSchema;
  'x-kubernetes-embedded-resource'?: true;
  'x-kubernetes-int-or-string'?: true;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  'x-kubernetes-map-type'?: 'atomic' | 'granular';
  'x-kubernetes-preserve-unknown-fields'?: true;
  'x-kubernetes-validations'?: ValidationRule[];
}

export function isSchemaNode(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isNames(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

/** An error that says where in the schema it stands. */
export function unsupported(path: string, problem: string): ApiTypesError {
  return new ApiTypesError('UNSUPPORTED_SCHEMA', `schema ${path === '' ? '(root)' : path}: ${problem}`);
}
