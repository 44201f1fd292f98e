import {FieldManager} from '../apply/field-manager.ts';
import {definitionName} from '../builtin/definitions.ts';
import {shapeOf} from '../builtin/go-shape.ts';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import {apiVersionOf} from '../kube-object.ts';
import {type Resource, resourceName} from './resource.ts';

/** The field manager of a resource. */
export function fieldManagerOf(resource: Resource): FieldManager {
  const {group, kind, custom, versions, storageVersion} = resource;
  const byApiVersion = new Map(versions.map((version) => [apiVersionOf(group, version.name), version]));
  const empty = custom ? undefined : emptyObject(apiVersionOf(group, storageVersion), kind);
  return new FieldManager({
    kind,
    custom,
    version: (apiVersion) => byApiVersion.get(apiVersion),
    ...(empty && {empty}),
    reset: resetPaths(resource),
  });
}

/** Of built-in kinds that differ from the others. */
const resetByStatus: Readonly<Record<string, readonly string[]>> = {
  'deployments.apps': ['spec', 'metadata.labels'],
  pods: ['spec', 'metadata.deletionTimestamp', 'metadata.ownerReferences'],
  'validatingadmissionpolicies.admissionregistration.k8s.io': ['metadata', 'spec'],
};

/** What a request for a subresource cannot change, and so does not own. */
function resetPaths(resource: Resource): Record<string, readonly string[]> {
  const name = resourceName(resource);
  if (!resource.versions.some(({subresources}) => subresources.status === true)) return {};
  const finalize = name === 'namespaces' ? {finalize: ['status']} : {};
  const status = resource.custom ? ['metadata', 'spec'] : (resetByStatus[name] ?? ['spec']);
  return {'': ['status'], status, ...finalize};
}

function emptyObject(apiVersion: string, kind: string): JsonObject | undefined {
  const definition = definitionName(apiVersion, kind);
  const empty = definition === undefined ? undefined : shapeOf(definition)({apiVersion, kind, metadata: {}});
  return isJsonObject(empty) ? empty : undefined;
}
