import type {JsonObject} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import {systemContext} from '../registry/system-context.ts';
import {builtinResources} from './builtin-resources.ts';

const now = (): Date => new Date('2026-01-02T03:04:05Z');
const resources = builtinResources({stores: {get: () => undefined}, now});

/** What a write of an object comes to without a store. */
export interface Written {
  object: KubeObject;
  /** `FIELD: MESSAGE` of each thing that is wrong. */
  errors: string[];
}

export function resourceOf(plural: string): (typeof resources)[number] {
  const found = resources.find((resource) => resource.plural === plural);
  if (found === undefined) throw new Error(`there is no resource ${plural}`);
  return found;
}

/** As a POST: normalized, prepared, validated. */
export async function create(plural: string, body: JsonObject): Promise<Written> {
  const resource = resourceOf(plural);
  const context = systemContext(resource, {verb: 'create', namespace: resource.namespaced ? 'team' : ''});
  const {group, kind} = resource;
  const typed = {apiVersion: apiVersionOf(group, 'v1'), kind, metadata: {name: 'x'}, ...body};
  const object = resource.versions[0]!.normalize!(typed, () => {});
  if (resource.namespaced) object.metadata.namespace = 'team';
  await resource.strategy.prepareForCreate?.(object, context);
  const errors = (await resource.strategy.validate?.(object, undefined, context)) ?? [];
  return {object, errors: errors.map(({field, message}) => `${field}: ${message}`)};
}

/** As a PUT of the object or one of its subresources. */
export async function update(plural: string, old: KubeObject, body: JsonObject, subresource = ''): Promise<Written> {
  const resource = resourceOf(plural);
  const context = systemContext(resource, {verb: 'update', namespace: old.metadata.namespace ?? '', subresource});
  const object = resource.versions[0]!.normalize!({...old, ...body}, () => {});
  await resource.strategy.prepareForUpdate?.(object, old, context);
  const errors = (await resource.strategy.validate?.(object, old, context)) ?? [];
  return {object, errors: errors.map(({field, message}) => `${field}: ${message}`)};
}
