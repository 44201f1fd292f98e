import type {JsonObject} from '../json/json-value.ts';
import type {Resource} from '../registry/resource.ts';
import {subresourcesOf, verbsOf} from './discovered-resource.ts';
import type {ApiGroup} from './group-order.ts';

/**
 * Everything that discovery has to say, in one answer.
 *
 * @see https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/3352-aggregated-discovery
 */
export function apiGroupDiscoveryList(groups: readonly ApiGroup[]): JsonObject {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(({name, versions}) => ({
      metadata: name === '' ? {} : {name},
      versions: versions.map((version) => ({
        version: version.name,
        resources: version.resources.map((resource) => describe(resource, version.name)),
        freshness: 'Current',
      })),
    })),
  };
}

function describe(resource: Resource, version: string): JsonObject {
  const {group, plural, kind, namespaced, singular, shortNames, categories, custom} = resource;
  const subresources = subresourcesOf(resource, version);
  // The group and version of built-in kinds go without saying.
  const responseKind = (of: {group: string; version: string; kind: string}): JsonObject =>
    !custom && of.group === group && of.version === version
      ? {group: '', version: '', kind: of.kind}
      : {group: of.group, version: of.version, kind: of.kind};
  return {
    resource: plural,
    responseKind: responseKind({group, version, kind}),
    scope: namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs: [...verbsOf(resource)],
    ...(shortNames.length > 0 && {shortNames: [...shortNames]}),
    ...(categories.length > 0 && {categories: [...categories]}),
    ...(subresources.length > 0 && {
      subresources: subresources.map((subresource) => ({
        subresource: subresource.name,
        responseKind: responseKind(subresource),
        verbs: [...subresource.verbs],
      })),
    }),
  };
}
