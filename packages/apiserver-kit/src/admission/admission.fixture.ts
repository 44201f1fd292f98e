import type {UserInfo} from '../auth/user-info.ts';
import type {KubeObject} from '../kube-object.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {Resource} from '../registry/resource.ts';
import {systemContext} from '../registry/system-context.ts';
import type {AdmissionAttributes, Operation} from './admission.ts';

export interface AdmissionFixture {
  operation?: Operation;
  resource?: {group: string; plural: string; kind: string};
  object?: KubeObject | undefined;
  oldObject?: KubeObject | undefined;
  user?: UserInfo;
  context?: Partial<RequestContext>;
}

/** A resource without rules of its own. */
export function fixtureResource({group, plural, kind}: {group: string; plural: string; kind: string}): Resource {
  return {
    group,
    plural,
    singular: kind.toLowerCase(),
    kind,
    listKind: `${kind}List`,
    shortNames: [],
    categories: [],
    namespaced: true,
    versions: [{name: 'v1', served: true, schema: undefined, subresources: {}}],
    storageVersion: 'v1',
    strategy: {},
    custom: false,
  };
}

/** A write as plugins see it. By default, a Pod is made. */
export function admissionAttributes({
  operation = 'CREATE',
  resource = {group: '', plural: 'pods', kind: 'Pod'},
  object,
  oldObject,
  user = {username: 'alice', groups: ['system:authenticated']},
  context = {},
}: AdmissionFixture): AdmissionAttributes {
  const made = fixtureResource(resource);
  const {name = '', namespace = ''} = (object ?? oldObject)?.metadata ?? {};
  return {
    operation,
    resource: made,
    context: systemContext(made, {verb: operation.toLowerCase(), name, namespace, user, ...context}),
    object,
    oldObject,
    options: undefined,
  };
}
