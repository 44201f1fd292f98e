import {goNumber} from '../errors/go-text.ts';
import {StatusError} from '../errors/status-error.ts';
import {jsonEqual} from '../json/json-equal.ts';
import type {KubeObject} from '../kube-object.ts';
import type {Resource, ResourceVersion, ScaleSubresource, Strategy} from '../registry/resource.ts';
import type {Schema} from '../schema/schema.ts';
import {printerColumns} from '../table/printer-columns.ts';
import {isConditionTrue} from './conditions.ts';
import {type Definition, type DefinitionSubresources, type DefinitionVersion, storageVersionOf} from './definition.ts';
import {finalizerWarnings} from './finalizer-warnings.ts';
import {scaleErrors} from './scale-rules.ts';
import {valueAt} from './simple-path.ts';
import {compareVersions} from './version-order.ts';

/**
 * The resource that a definition describes, with the names that were accepted.
 *
 * @param previous what was served before: schemas that have not changed stay the same objects, so that their rules need not be compiled again
 */
export function resourceOf(definition: Definition, previous?: Resource): Resource {
  const {spec, status} = definition;
  const names = status?.acceptedNames?.plural ? status.acceptedNames : spec.names;
  const versions = spec.versions
    .map((version) => versionOf(definition, version, previous))
    .sort((a, b) => compareVersions(a.name, b.name));
  return {
    group: spec.group,
    plural: names.plural,
    singular: names.singular ?? names.kind.toLowerCase(),
    kind: names.kind,
    listKind: names.listKind ?? `${names.kind}List`,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: spec.scope === 'Namespaced',
    versions,
    storageVersion: storageVersionOf(spec) ?? spec.versions[0]?.name ?? '',
    strategy: strategyOf(definition, versions),
    custom: true,
  };
}

function versionOf(
  definition: Definition,
  version: DefinitionVersion,
  previous: Resource | undefined,
): ResourceVersion {
  const {group, names} = definition.spec;
  const {name, served, schema, subresources, additionalPrinterColumns = [], selectableFields = []} = version;
  const scale = scaleOf(subresources);
  const warning = version.deprecationWarning ?? `${group}/${name} ${names.kind} is deprecated`;
  return {
    name,
    served,
    schema: sameSchema(schema?.openAPIV3Schema, previous, name),
    subresources: {...(subresources?.status ? {status: true} : {}), ...(scale ? {scale} : {})},
    ...(additionalPrinterColumns.length > 0 ? {table: printerColumns(additionalPrinterColumns)} : {}),
    selectableFields: selectableFields.map(({jsonPath}) => jsonPath.replace(/^\./, '')),
    selectableField: textAt,
    ...(version.deprecated === true ? {deprecationWarning: warning} : {}),
  };
}

function sameSchema(schema: (Schema & object) | undefined, previous: Resource | undefined, version: string) {
  const known = previous?.versions.find(({name}) => name === version)?.schema;
  // A schema is JSON as it came.
  return known && schema && jsonEqual(known as never, schema as never) ? known : schema;
}

function scaleOf(subresources: DefinitionSubresources | undefined): ScaleSubresource | undefined {
  const scale = subresources?.scale;
  if (!scale) return undefined;
  const {specReplicasPath, statusReplicasPath, labelSelectorPath} = scale;
  return {specReplicasPath, statusReplicasPath, ...(labelSelectorPath === undefined ? {} : {labelSelectorPath})};
}

function textAt(object: KubeObject, path: string): string {
  const value = valueAt(object, path);
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '';
}

function strategyOf(definition: Definition, versions: readonly ResourceVersion[]): Strategy {
  const isTerminating = isConditionTrue(definition, 'Terminating');
  const {group} = definition.spec;
  return {
    prepareForCreate(_object, {resource, verb}) {
      if (!isTerminating) return;
      const why = `${verb} not allowed while custom resource definition is terminating`;
      throw new StatusError(405, 'MethodNotAllowed', why, {group, kind: resource});
    },
    validate(object, _old, context) {
      const version = versions.find(({name}) => name === context.version);
      const scale = version?.subresources.scale;
      return scale ? scaleErrors(object, scale, context.subresource) : [];
    },
    warnings: (object, old) => finalizerWarnings(object, old),
    hasGeneration: true,
    allowUnconditionalUpdate: false,
  };
}
