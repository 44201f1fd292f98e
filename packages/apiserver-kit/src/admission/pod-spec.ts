import {isJsonObject, type JsonObject, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {AdmissionAttributes} from './admission.ts';

/** The Pod that is about to be made; undefined of any other write. */
export function newPod({operation, resource, context, object}: AdmissionAttributes): KubeObject | undefined {
  const isPod = resource.group === '' && resource.plural === 'pods' && context.subresource === '';
  return isPod && operation === 'CREATE' ? object : undefined;
}

/** The spec of an object, which may be changed. */
export function specOf(object: KubeObject): JsonObject {
  const spec = object['spec'];
  if (isJsonObject(spec)) return spec;
  const made: JsonObject = {};
  object['spec'] = made;
  return made;
}

/** The objects in a list; none where it is no list. */
export function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

export function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}
