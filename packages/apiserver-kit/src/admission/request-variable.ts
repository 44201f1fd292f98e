import {userJson} from '../auth/user-json.ts';
import {type CelType, listType, mapType, objectType, types} from '../cel/index.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {AdmissionAttributes} from './admission.ts';

const {string, bool, int, dyn, timestamp} = types;
const strings = listType(string);

/** Fields of the types that variables of admission have, by the name of the type. */
const objectTypes: Readonly<Record<string, Readonly<Record<string, CelType>>>> = {
  'kubernetes.AdmissionRequest': {
    kind: objectType('kubernetes.GroupVersionKind'),
    resource: objectType('kubernetes.GroupVersionResource'),
    subResource: string,
    requestKind: objectType('kubernetes.GroupVersionKind'),
    requestResource: objectType('kubernetes.GroupVersionResource'),
    requestSubResource: string,
    name: string,
    namespace: string,
    operation: string,
    userInfo: objectType('kubernetes.UserInfo'),
    dryRun: bool,
    options: dyn,
  },
  'kubernetes.GroupVersionKind': {group: string, version: string, kind: string},
  'kubernetes.GroupVersionResource': {group: string, version: string, resource: string},
  'kubernetes.UserInfo': {username: string, uid: string, groups: strings, extra: mapType(string, strings)},
  'kubernetes.Namespace': {
    metadata: objectType('kubernetes.NamespaceMetadata'),
    spec: objectType('kubernetes.NamespaceSpec'),
    status: objectType('kubernetes.NamespaceStatus'),
  },
  'kubernetes.NamespaceMetadata': {
    name: string,
    generateName: string,
    namespace: string,
    labels: mapType(string, string),
    annotations: mapType(string, string),
    UID: string,
    creationTimestamp: timestamp,
    deletionGracePeriodSeconds: int,
    deletionTimestamp: timestamp,
    generation: int,
    resourceVersion: string,
    finalizers: strings,
  },
  'kubernetes.NamespaceSpec': {finalizers: strings},
  'kubernetes.NamespaceStatus': {conditions: listType(objectType('kubernetes.NamespaceCondition')), phase: string},
  'kubernetes.NamespaceCondition': {
    status: string,
    type: string,
    lastTransitionTime: timestamp,
    message: string,
    reason: string,
  },
};

export const requestType = objectType('kubernetes.AdmissionRequest');
export const namespaceType = objectType('kubernetes.Namespace');

export function admissionFieldType(object: string, field: string): CelType | undefined {
  const fields = Object.hasOwn(objectTypes, object) ? objectTypes[object] : undefined;
  return fields && Object.hasOwn(fields, field) ? fields[field] : undefined;
}

/** `request`: what an AdmissionReview says of a write, without the objects. What is empty is not there. */
export function requestVariable({operation, resource, context, options}: AdmissionAttributes): JsonObject {
  const {group, version, subresource, name, namespace, user, dryRun} = context;
  const kind = {group, version, kind: resource.kind};
  const gvr = {group, version, resource: resource.plural};
  return {
    uid: context.auditId,
    kind,
    resource: gvr,
    ...(subresource === '' ? {} : {subResource: subresource}),
    requestKind: kind,
    requestResource: gvr,
    ...(subresource === '' ? {} : {requestSubResource: subresource}),
    ...(name === '' ? {} : {name}),
    ...(namespace === '' ? {} : {namespace}),
    operation,
    userInfo: userJson(user),
    dryRun,
    ...(options && {options}),
  };
}

/** `namespaceObject`: what expressions may see of a Namespace. */
export function namespaceVariable(namespace: JsonObject): JsonObject {
  const {metadata, spec, status} = namespace as {metadata: JsonObject; spec?: JsonObject; status?: JsonObject};
  const shown = {...metadata};
  for (const key of ['managedFields', 'ownerReferences']) delete shown[key];
  return {metadata: shown, ...(spec && {spec}), ...(status && {status})};
}
