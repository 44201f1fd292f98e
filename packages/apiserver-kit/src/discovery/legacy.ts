import {createHash} from 'node:crypto';
import type {JsonObject} from '../json/json-value.ts';
import {apiVersionOf} from '../kube-object.ts';
import type {Resource} from '../registry/resource.ts';
import {subresourcesOf, verbsOf} from './discovered-resource.ts';
import type {ApiGroup} from './group-order.ts';

/** What `/api` says. @param serverAddress host and port */
export function apiVersions(core: ApiGroup | undefined, serverAddress: string): JsonObject {
  return {
    kind: 'APIVersions',
    versions: core?.versions.map(({name}) => name) ?? [],
    serverAddressByClientCIDRs: [{clientCIDR: '0.0.0.0/0', serverAddress}],
  };
}

/** What `/apis` says. */
export function apiGroupList(groups: readonly ApiGroup[]): JsonObject {
  return {kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(describeGroup)};
}

/** What `/apis/GROUP` says. */
export function apiGroup(group: ApiGroup): JsonObject {
  return {kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(group)};
}

function describeGroup({name, versions}: ApiGroup): JsonObject {
  const described = versions.map((version) => ({
    groupVersion: apiVersionOf(name, version.name),
    version: version.name,
  }));
  return {name, versions: described, preferredVersion: described[0]};
}

/** What `/api/v1` and `/apis/GROUP/VERSION` say. */
export function apiResourceList(group: string, version: string, resources: readonly Resource[]): JsonObject {
  return {
    kind: 'APIResourceList',
    ...(group === '' ? {} : {apiVersion: 'v1'}),
    groupVersion: apiVersionOf(group, version),
    resources: resources.flatMap((resource) => [
      describeResource(resource),
      ...subresourcesOf(resource, version).map((subresource) => ({
        name: `${resource.plural}/${subresource.name}`,
        singularName: '',
        namespaced: resource.namespaced,
        ...(subresource.group === group && subresource.version === version
          ? {}
          : {group: subresource.group, version: subresource.version}),
        kind: subresource.kind,
        verbs: [...subresource.verbs],
      })),
    ]),
  };
}

function describeResource(resource: Resource): JsonObject {
  const {plural, singular, namespaced, kind, shortNames, categories} = resource;
  return {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs: [...verbsOf(resource)],
    ...(shortNames.length > 0 && {shortNames: [...shortNames]}),
    ...(categories.length > 0 && {categories: [...categories]}),
    ...(resource.review ? {} : {storageVersionHash: storageVersionHash(resource)}),
  };
}

/** Changes when objects begin to be stored in another version. */
function storageVersionHash({group, storageVersion, kind}: Resource): string {
  // Kubernetes counts definitions as stored in the version that they began with.
  const version = group === 'apiextensions.k8s.io' ? 'v1beta1' : storageVersion;
  const stored = `${group}/${version}/${kind}`;
  return createHash('sha256').update(stored).digest().subarray(0, 8).toString('base64');
}
