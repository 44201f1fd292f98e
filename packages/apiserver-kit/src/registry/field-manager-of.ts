import {FieldManager} from '../apply/field-manager.ts';
import {definitionName} from '../builtin/definitions.ts';
import {shapeOf} from '../builtin/go-shape.ts';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import {apiVersionOf} from '../kube-object.ts';
import type {Resource} from './resource.ts';

/** The field manager of a resource. */
export function fieldManagerOf(resource: Resource): FieldManager {
  const {group, kind, custom, versions, storageVersion} = resource;
  const byApiVersion = new Map(versions.map((version) => [apiVersionOf(group, version.name), version]));
  const hasStatus = versions.some(({subresources}) => subresources.status === true);
  const empty = custom ? undefined : emptyObject(apiVersionOf(group, storageVersion), kind);
  return new FieldManager({
    group,
    kind,
    custom,
    version: (apiVersion) => byApiVersion.get(apiVersion),
    ...(empty && {empty}),
    ...(hasStatus && {reset: {'': ['status'], status: custom ? ['metadata', 'spec'] : ['spec']}}),
  });
}

function emptyObject(apiVersion: string, kind: string): JsonObject | undefined {
  const definition = definitionName(apiVersion, kind);
  const empty = definition === undefined ? undefined : shapeOf(definition)({});
  return isJsonObject(empty) ? empty : undefined;
}
