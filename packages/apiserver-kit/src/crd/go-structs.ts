import {ShownValue} from '../errors/field-error.ts';
import {goJson} from '../errors/go-text.ts';
import type {JsonObject, JsonValue} from '../json/json-value.ts';
import type {Schema, ValidationRule} from '../schema/schema.ts';
import type {DefinitionVersion} from './definition.ts';

/**
 * Values in errors are shown as JSON of the types that kube-apiserver works with: all their fields, in order, by their names in Go.
 *
 * @module
 */

/** A field: its name in Go, and its value. */
type Fields = readonly (readonly [string, string])[];

function struct(fields: Fields): string {
  return `{${fields.map(([name, text]) => `"${name}":${text}`).join(',')}}`;
}

function list<T>(items: readonly T[] | null | undefined, text: (item: T) => string): string {
  return items === undefined || items === null ? 'null' : `[${items.map(text).join(',')}]`;
}

function optional(value: JsonValue | undefined): string {
  return value === undefined ? 'null' : goJson(value);
}

function texts(items: readonly string[] | undefined): string {
  return list(items, goJson);
}

export function shownRule(rule: ValidationRule): ShownValue {
  return new ShownValue(ruleText(rule));
}

function ruleText({rule, message, messageExpression, reason, fieldPath, optionalOldSelf}: ValidationRule): string {
  return struct([
    ['Rule', goJson(rule)],
    ['Message', goJson(message ?? '')],
    ['MessageExpression', goJson(messageExpression ?? '')],
    ['Reason', optional(reason)],
    ['FieldPath', goJson(fieldPath ?? '')],
    ['OptionalOldSelf', optional(optionalOldSelf)],
  ]);
}

/** What is the same in all versions is not shown. */
export function shownVersions(versions: readonly DefinitionVersion[] | null): ShownValue {
  return new ShownValue(list(versions, versionText));
}

function versionText(version: DefinitionVersion): string {
  const {schema, subresources} = version;
  return struct([
    ['Name', goJson(version.name)],
    ['Served', goJson(version.served)],
    ['Storage', goJson(version.storage)],
    ['Deprecated', goJson(version.deprecated ?? false)],
    ['DeprecationWarning', optional(version.deprecationWarning)],
    ['Schema', schema ? struct([['OpenAPIV3Schema', schemaText(schema.openAPIV3Schema)]]) : 'null'],
    ['Subresources', subresources ? subresourcesText(subresources) : 'null'],
    [
      'AdditionalPrinterColumns',
      list(version.additionalPrinterColumns, ({name, type, format, description, priority, jsonPath}) =>
        struct([
          ['Name', goJson(name)],
          ['Type', goJson(type)],
          ['Format', goJson(format ?? '')],
          ['Description', goJson(description ?? '')],
          ['Priority', goJson(priority ?? 0)],
          ['JSONPath', goJson(jsonPath)],
        ]),
      ),
    ],
    ['SelectableFields', list(version.selectableFields, ({jsonPath}) => struct([['JSONPath', goJson(jsonPath)]]))],
  ]);
}

function subresourcesText({status, scale}: NonNullable<DefinitionVersion['subresources']>): string {
  return struct([
    ['Status', status ? '{}' : 'null'],
    [
      'Scale',
      scale
        ? struct([
            ['SpecReplicasPath', goJson(scale.specReplicasPath)],
            ['StatusReplicasPath', goJson(scale.statusReplicasPath)],
            ['LabelSelectorPath', optional(scale.labelSelectorPath)],
          ])
        : 'null',
    ],
  ]);
}

export function shownSchema(schema: Schema): ShownValue {
  return new ShownValue(schemaText(schema));
}

function schemaText(schema: Schema | undefined): string {
  if (!schema) return 'null';
  const {items, additionalProperties, externalDocs} = schema;
  return struct([
    ['ID', '""'],
    ['Schema', '""'],
    ['Ref', 'null'],
    ['Description', goJson(schema.description ?? '')],
    ['Type', goJson(schema.type ?? '')],
    ['Nullable', goJson(schema.nullable ?? false)],
    ['Format', goJson(schema.format ?? '')],
    ['Title', goJson(schema.title ?? '')],
    ['Default', optional(schema.default)],
    ['Maximum', optional(schema.maximum)],
    ['ExclusiveMaximum', goJson(schema.exclusiveMaximum ?? false)],
    ['Minimum', optional(schema.minimum)],
    ['ExclusiveMinimum', goJson(schema.exclusiveMinimum ?? false)],
    ['MaxLength', optional(schema.maxLength)],
    ['MinLength', optional(schema.minLength)],
    ['Pattern', goJson(schema.pattern ?? '')],
    ['MaxItems', optional(schema.maxItems)],
    ['MinItems', optional(schema.minItems)],
    ['UniqueItems', goJson(schema.uniqueItems ?? false)],
    ['MultipleOf', optional(schema.multipleOf)],
    ['Enum', list(schema.enum, goJson)],
    ['MaxProperties', optional(schema.maxProperties)],
    ['MinProperties', optional(schema.minProperties)],
    ['Required', texts(schema.required)],
    [
      'Items',
      items
        ? struct([
            ['Schema', schemaText(items)],
            ['JSONSchemas', 'null'],
          ])
        : 'null',
    ],
    ['AllOf', list(schema.allOf, schemaText)],
    ['OneOf', list(schema.oneOf, schemaText)],
    ['AnyOf', list(schema.anyOf, schemaText)],
    ['Not', schemaText(schema.not)],
    ['Properties', mapText(schema.properties)],
    [
      'AdditionalProperties',
      additionalProperties === undefined
        ? 'null'
        : struct([
            ['Allows', String(additionalProperties !== false)],
            ['Schema', typeof additionalProperties === 'object' ? schemaText(additionalProperties) : 'null'],
          ]),
    ],
    ['PatternProperties', 'null'],
    ['Dependencies', 'null'],
    ['AdditionalItems', 'null'],
    ['Definitions', 'null'],
    ['ExternalDocs', externalDocs ? docsText(externalDocs) : 'null'],
    ['Example', optional(schema.example)],
    ['XPreserveUnknownFields', optional(schema['x-kubernetes-preserve-unknown-fields'])],
    ['XEmbeddedResource', goJson(schema['x-kubernetes-embedded-resource'] ?? false)],
    ['XIntOrString', goJson(schema['x-kubernetes-int-or-string'] ?? false)],
    ['XListMapKeys', texts(schema['x-kubernetes-list-map-keys'])],
    ['XListType', optional(schema['x-kubernetes-list-type'])],
    ['XMapType', optional(schema['x-kubernetes-map-type'])],
    ['XValidations', list(schema['x-kubernetes-validations'], ruleText)],
  ]);
}

function mapText(schemas: Record<string, Schema> | undefined): string {
  if (!schemas) return 'null';
  const names = Object.keys(schemas).sort();
  return `{${names.map((name) => `${goJson(name)}:${schemaText(schemas[name])}`).join(',')}}`;
}

function docsText({description, url}: JsonObject): string {
  return struct([
    ['Description', goJson(description ?? '')],
    ['URL', goJson(url ?? '')],
  ]);
}
