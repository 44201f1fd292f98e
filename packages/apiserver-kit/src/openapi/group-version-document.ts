import {definitionName} from '../builtin/definitions.ts';
import type {JsonObject} from '../json/json-value.ts';
import {apiVersionOf} from '../kube-object.ts';
import type {Resource} from '../registry/resource.ts';
import {Components} from './components.ts';
import {customDefinitionName, customListSchema, customSchema} from './custom-schema.ts';
import {pathsOf} from './paths.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/**
 * The OpenAPI document of a version of a group.
 *
 * @param serverVersion such as `1.36`
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3
 */
export function groupVersionDocument(
  group: string,
  version: string,
  resources: readonly Resource[],
  serverVersion: string,
): JsonObject {
  const components = new Components();
  const common = {
    patch: components.builtin(`${META}.Patch`),
    deleteOptions: components.builtin(`${META}.DeleteOptions`),
    status: components.builtin(`${META}.Status`),
  };
  const builtin = (of: {group: string; version: string; kind: string}): JsonObject | undefined => {
    const name = definitionName(apiVersionOf(of.group, of.version), of.kind);
    return name === undefined ? undefined : components.builtin(name);
  };
  const paths: JsonObject = {};
  for (const resource of resources) {
    const {object, list} = schemasOf(resource, version, components, builtin);
    const subresource = (of: {group: string; version: string; kind: string}): JsonObject | undefined =>
      of.kind === resource.kind && of.group === group && of.version === version ? object : builtin(of);
    Object.assign(paths, pathsOf(resource, version, {...common, object, list, subresource}));
  }
  const sorted = Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1)));
  const info = {title: 'Kubernetes', version: serverVersion};
  return {openapi: '3.0.0', info, paths: sorted, components: components.toJson()};
}

function schemasOf(
  resource: Resource,
  versionName: string,
  components: Components,
  builtin: (of: {group: string; version: string; kind: string}) => JsonObject | undefined,
): {object: JsonObject; list: JsonObject} {
  const {group, kind, listKind} = resource;
  const untyped = {type: 'object'};
  if (!resource.custom) {
    const named = {group, version: versionName};
    return {object: builtin({...named, kind}) ?? untyped, list: builtin({...named, kind: listKind}) ?? untyped};
  }
  const version = resource.versions.find(({name}) => name === versionName);
  if (version === undefined) return {object: untyped, list: untyped};
  const object = components.own(
    customDefinitionName(group, versionName, kind),
    customSchema(resource, version, components),
  );
  const list = components.own(
    customDefinitionName(group, versionName, listKind),
    customListSchema(resource, version, object, components),
  );
  return {object, list};
}
