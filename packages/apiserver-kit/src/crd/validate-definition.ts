import {describeFieldErrors, type FieldError, fieldErrors, type ShownValue} from '../errors/field-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {JsonValue} from '../json/json-value.ts';
import {label1035Problems, subdomainProblems} from '../registry/name-rules.ts';
import type {Schema} from '../schema/schema.ts';
import {APPROVAL_ANNOTATION, approvalOf} from './api-approval.ts';
import {isConditionTrue} from './conditions.ts';
import {conversionErrors} from './conversion-errors.ts';
import {defaultErrors} from './default-values.ts';
import type {Definition, DefinitionNames, DefinitionSpec, DefinitionVersion} from './definition.ts';
import {everySchema} from './every-schema.ts';
import {shownSchema, shownVersions} from './go-structs.ts';
import {excessText, SCHEMA_LIMIT} from './rule-scope.ts';
import {schemaErrors} from './schema-errors.ts';
import {structuralErrors} from './structural-schema.ts';
import {unsupportedText} from './unsupported-fields.ts';
import {columnErrors, deprecationErrors, selectableFieldErrors, subresourceErrors} from './version-errors.ts';

/**
 * What is wrong with a definition, in Kubernetes' words and order, metadata apart. What all versions have in common is named as what it is
 * there: a part of the definition, `spec.validation`.
 *
 * @param old undefined on create
 */
export function validateDefinition(sent: Definition, old: Definition | undefined): FieldError[] {
  // Without versions there is null: that is shown, and otherwise as good as none.
  const definition = {...sent, spec: {...sent.spec, versions: sent.spec.versions ?? []}};
  const {spec, metadata} = definition;
  const errors: FieldError[] = [];
  if (!old && metadata.name !== `${spec.names.plural}.${spec.group}`) {
    errors.push(fieldErrors.invalid('metadata.name', metadata.name ?? '', 'must be spec.names.plural+"."+spec.group'));
  }
  errors.push(...specErrors(spec, old?.spec, sent.spec.versions === null));
  if (old) errors.push(...changeErrors(spec, old.spec, isConditionTrue(old, 'Established')));
  errors.push(
    ...validateDefinitionStatus(definition),
    ...storedVersionErrors(definition),
    ...approvalErrors(definition, old),
  );
  if (spec.preserveUnknownFields === true && old?.spec.preserveUnknownFields !== true) {
    const detail =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(fieldErrors.invalid('spec.preserveUnknownFields', true, detail));
  }
  return errors;
}

/** What is wrong with the status of a definition. */
export function validateDefinitionStatus({status}: Definition): FieldError[] {
  return status?.acceptedNames ? nameErrors(status.acceptedNames, 'status.acceptedNames') : [];
}

function specErrors(spec: DefinitionSpec, old: DefinitionSpec | undefined, hasNoVersions: boolean): FieldError[] {
  const common = commonParts(spec);
  const own = spec.versions.map((version) => ownParts(version, common));
  const errors: FieldError[] = [...groupErrors(spec.group)];
  const scopes = ['Cluster', 'Namespaced'];
  if (spec.scope === '') errors.push(fieldErrors.required('spec.scope'));
  else if (!scopes.includes(spec.scope)) errors.push(fieldErrors.notSupported('spec.scope', spec.scope, scopes));
  if (!common.schema?.openAPIV3Schema) {
    for (const [index, {schema}] of own.entries()) {
      if (!schema?.openAPIV3Schema) {
        errors.push(fieldErrors.required(`spec.versions[${index}].schema.openAPIV3Schema`));
      }
    }
  }
  if (spec.preserveUnknownFields === true && hasDefaults(spec)) {
    const detail = 'must be false in order to use defaults in the schema';
    errors.push(fieldErrors.invalid('spec.preserveUnknownFields', true, detail));
  }
  for (const [index, version] of own.entries()) {
    const path = `spec.versions[${index}]`;
    const problems = label1035Problems(version.name);
    if (problems.length > 0) errors.push(fieldErrors.invalid(`${path}.name`, version.name, problems.join(',')));
    const hasStatus = spec.versions[index]?.subresources?.status !== undefined;
    errors.push(...versionErrors(version, path, hasStatus, old));
  }
  errors.push(...versionListErrors(spec, shownVersions(hasNoVersions ? null : own)));
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const) {
    if (!spec.names[name]) errors.push(fieldErrors.required(`spec.names.${name}`));
  }
  errors.push(...nameErrors(spec.names, 'spec.names'));
  const hasStatus = spec.versions.some(({subresources}) => subresources?.status !== undefined);
  const first = spec.versions[0]?.name ?? '';
  errors.push(...validationErrors(common.schema, 'spec.validation', hasStatus, isUnchanged(first, spec, old)));
  errors.push(...subresourceErrors(common.subresources, 'spec.subresources'));
  errors.push(...columnErrors(common.additionalPrinterColumns, 'spec.additionalPrinterColumns'));
  const fields = common.selectableFields ?? [];
  if (fields.length > 0) {
    const path = 'spec.selectableFields';
    const schema = common.schema?.openAPIV3Schema;
    if (common.schema === undefined) {
      errors.push(fieldErrors.invalid(path, '', 'may only be set when validations.schema is included'));
    } else errors.push(...selectableFieldErrors(fields, schema, path));
  }
  if (spec.conversion) errors.push(...conversionErrors(spec.conversion, 'spec.conversion'));
  return errors;
}

type CommonParts = Pick<DefinitionVersion, 'schema' | 'subresources' | 'additionalPrinterColumns' | 'selectableFields'>;
const partNames = ['schema', 'subresources', 'additionalPrinterColumns', 'selectableFields'] as const;

/** What is the same in all versions. */
function commonParts({versions}: DefinitionSpec): CommonParts {
  const [first] = versions;
  if (!first) return {};
  const same = partNames.filter((name) => versions.every((version) => jsonEqual(version[name], first[name])));
  return Object.fromEntries(same.flatMap((name) => (first[name] === undefined ? [] : [[name, first[name]]])));
}

/** A version without what is the same in all. */
function ownParts(version: DefinitionVersion, common: CommonParts): DefinitionVersion {
  const own = {...version};
  for (const name of partNames) if (common[name] !== undefined) delete own[name];
  return own;
}

function groupErrors(group: string): FieldError[] {
  if (group === '') return [fieldErrors.required('spec.group')];
  const problems = subdomainProblems(group);
  if (problems.length > 0) return [fieldErrors.invalid('spec.group', group, problems.join(','))];
  if (group.includes('.')) return [];
  return [fieldErrors.invalid('spec.group', group, 'should be a domain with at least one dot')];
}

function hasDefaults({versions}: DefinitionSpec): boolean {
  return versions.some(({schema}) => {
    const root = schema?.openAPIV3Schema;
    return root !== undefined && [...everySchema(root)].some((each) => each.default !== undefined);
  });
}

function versionListErrors(spec: DefinitionSpec, shown: ShownValue): FieldError[] {
  const errors: FieldError[] = [];
  const names = spec.versions.map(({name}) => name);
  if (new Set(names).size < names.length) {
    errors.push(fieldErrors.invalid('spec.versions', shown, 'must contain unique version names'));
  }
  if (spec.versions.filter(({storage}) => storage).length !== 1) {
    const detail = 'must have exactly one version marked as storage version';
    errors.push(fieldErrors.invalid('spec.versions', shown, detail));
  }
  // The first version stands for the definition, too.
  const [first] = names;
  const problems = first === undefined || first === '' ? [] : label1035Problems(first);
  if (problems.length > 0) errors.push(fieldErrors.invalid('spec.version', first, problems.join(',')));
  return errors;
}

function versionErrors(
  version: DefinitionVersion,
  path: string,
  hasStatus: boolean,
  old: DefinitionSpec | undefined,
): FieldError[] {
  const errors = deprecationErrors(version, path);
  const before = old?.versions.find(({name}) => name === version.name);
  const isSame = before !== undefined && jsonEqual(before.schema, version.schema);
  errors.push(...validationErrors(version.schema, `${path}.schema`, hasStatus, isSame));
  errors.push(...subresourceErrors(version.subresources, `${path}.subresources`));
  errors.push(...columnErrors(version.additionalPrinterColumns, `${path}.additionalPrinterColumns`));
  const fields = version.selectableFields ?? [];
  if (fields.length === 0) return errors;
  const schema = version.schema?.openAPIV3Schema;
  if (!schema) {
    const detail = 'may only be set when `version.schema.openAPIV3Schema` is not included';
    errors.push(fieldErrors.invalid(`${path}.selectableFields`, '', detail));
  } else errors.push(...selectableFieldErrors(fields, schema, `${path}.selectableFields`));
  return errors;
}

/** Whether the schema of a version is as it was. */
function isUnchanged(version: string, spec: DefinitionSpec, old: DefinitionSpec | undefined): boolean {
  const schemaIn = (each: DefinitionSpec): JsonValue | undefined =>
    each.versions.find(({name}) => name === version)?.schema;
  return old !== undefined && jsonEqual(schemaIn(spec), schemaIn(old));
}

const allowedAtRoot = [
  'Description',
  'Type',
  'Format',
  'Title',
  'Maximum',
  'ExclusiveMaximum',
  'Minimum',
  'ExclusiveMinimum',
  'MaxLength',
  'MinLength',
  'Pattern',
  'MaxItems',
  'MinItems',
  'UniqueItems',
  'MultipleOf',
  'Required',
  'Items',
  'Properties',
  'ExternalDocs',
  'Example',
  'XPreserveUnknownFields',
  'XValidations',
];

/** Name of a field of a schema in Go. */
function goFieldName(name: string): string {
  const parts = name.replace(/^x-kubernetes-/, 'x-').split('-');
  return parts.map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('');
}

function validationErrors(
  validation: DefinitionVersion['schema'],
  path: string,
  hasStatus: boolean,
  ignoreRuleCosts: boolean,
): FieldError[] {
  const schema: Schema | undefined = validation?.openAPIV3Schema;
  if (!schema) return [];
  const place = `${path}.openAPIV3Schema`;
  const errors = hasStatus ? rootErrors(schema, place) : [];
  if (schema.nullable === true) {
    errors.push(fieldErrors.forbidden(`${place}.nullable`, 'nullable cannot be true at the root'));
  }
  // A schema of which nothing structural can be said is wrong in another way, which is told below.
  const strange = unsupportedText(schema);
  const structural = strange === undefined ? structuralErrors(schema, place) : [];
  const defaults = strange !== undefined || structural.length > 0 ? [] : defaultErrors(schema, place);
  errors.push(...structural, ...defaults);
  const ignoreRules = strange !== undefined || structural.length > 0 || defaults.length > 0;
  const {errors: more, cost} = schemaErrors(schema, place, {ignoreRules, ignoreRuleCosts});
  errors.push(...more);
  if (errors.length === 0 && strange !== undefined) errors.push(fieldErrors.invalid(place, '', strange));
  if (!cost || cost.sum <= SCHEMA_LIMIT) return errors;
  for (const each of cost.most) {
    const detail = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    errors.push(fieldErrors.forbidden(each.path, detail));
  }
  const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  errors.push(fieldErrors.forbidden(place, excessText(what, cost.sum, SCHEMA_LIMIT)));
  return errors;
}

/** With a status subresource, what the root says must not get lost when only `status` is validated. */
function rootErrors(schema: Schema, path: string): FieldError[] {
  if (schema.type !== undefined && schema.type !== 'object') {
    const detail =
      'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
    return [fieldErrors.invalid(`${path}.type`, schema.type, detail)];
  }
  const isSet = ([, value]: [string, unknown]): boolean => value !== undefined && value !== false && value !== '';
  const strange = Object.entries(schema)
    .filter(isSet)
    .map(([name]) => goFieldName(name));
  if (strange.every((name) => allowedAtRoot.includes(name))) return [];
  const detail = `only [${allowedAtRoot.join(' ')}] fields are allowed at the root of the schema if the status subresource is enabled`;
  return [fieldErrors.invalid(path, shownSchema(schema), detail)];
}

function nameErrors(names: DefinitionNames, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (place: string, name: string): void => {
    const problems = label1035Problems(name);
    if (problems.length > 0) errors.push(fieldErrors.invalid(`${path}.${place}`, name, problems.join(',')));
  };
  const checkKind = (place: string, kind: string): void => {
    const problems = label1035Problems(kind.toLowerCase());
    if (kind === '' || problems.length === 0) return;
    const detail = `may have mixed case, but should otherwise match: ${problems.join(',')}`;
    errors.push(fieldErrors.invalid(`${path}.${place}`, kind, detail));
  };
  const {plural, singular = '', kind, listKind = '', shortNames = [], categories = []} = names;
  if (plural !== '') check('plural', plural);
  if (singular !== '') check('singular', singular);
  checkKind('kind', kind);
  checkKind('listKind', listKind);
  for (const [index, name] of shortNames.entries()) check(`shortNames[${index}]`, name);
  if (kind !== '' && kind === listKind) {
    errors.push(fieldErrors.invalid(`${path}.listKind`, listKind, 'kind and listKind may not be the same'));
  }
  for (const [index, category] of categories.entries()) check(`categories[${index}]`, category);
  return errors;
}

/** Of a resource that is served, objects must stay where and what they are. */
function changeErrors(spec: DefinitionSpec, old: DefinitionSpec, isEstablished: boolean): FieldError[] {
  const fields = [
    ...(isEstablished
      ? ([
          ['scope', spec.scope, old.scope],
          ['names.kind', spec.names.kind, old.names.kind],
        ] as const)
      : []),
    ['group', spec.group, old.group],
    ['names.plural', spec.names.plural, old.names.plural],
  ] as const;
  return fields.flatMap(([name, value, before]) =>
    value === before ? [] : [fieldErrors.invalid(`spec.${name}`, value, 'field is immutable')],
  );
}

function storedVersionErrors({spec, status}: Definition): FieldError[] {
  const path = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) {
    return [fieldErrors.invalid(path, status?.storedVersions ?? null, 'must have at least one stored version')];
  }
  const errors: FieldError[] = [];
  const left = new Set(stored);
  for (const {name, storage} of spec.versions) {
    if (!left.delete(name) && storage) {
      errors.push(fieldErrors.invalid(path, stored, `must have the storage version ${name}`));
    }
  }
  for (const [index, name] of stored.entries()) {
    if (!left.has(name)) continue;
    const detail = `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`;
    errors.push(fieldErrors.invalid(`${path}[${index}]`, name, detail));
  }
  return errors;
}

function approvalErrors(definition: Definition, old: Definition | undefined): FieldError[] {
  const approval = approvalOf(definition);
  if (!approval || (old && approvalOf(old)?.state === approval.state)) return [];
  const path = `metadata.annotations[${APPROVAL_ANNOTATION}]`;
  if (approval.state === 'missing') return [fieldErrors.required(path, approval.reason)];
  if (approval.state !== 'invalid') return [];
  return [fieldErrors.invalid(path, definition.metadata.annotations?.[APPROVAL_ANNOTATION] ?? '', approval.reason)];
}

/** Where the schemas of a definition are not structural, in one sentence; undefined: they all are. */
export function nonStructuralText({versions, preserveUnknownFields}: DefinitionSpec): string | undefined {
  const errors: FieldError[] = [];
  if (preserveUnknownFields === true) {
    errors.push(fieldErrors.invalid('spec.preserveUnknownFields', true, 'must be false'));
  }
  for (const [index, {schema}] of versions.entries()) {
    const root = schema?.openAPIV3Schema;
    if (root) errors.push(...structuralErrors(root, `spec.versions[${index}].schema.openAPIV3Schema`));
  }
  return errors.length === 0 ? undefined : describeFieldErrors(errors);
}
