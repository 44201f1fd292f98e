import {jsonEqual} from '../json/json-equal.ts';
import {cloneJson, type JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {RequestContext} from '../registry/request-context.ts';

interface StatusOptions {
  /** Of a new object. */
  initial: JsonValue;
  /** Whether `metadata.generation` counts changes of the spec, and of annotations too. */
  generation?: 'spec' | 'spec and annotations';
}

interface StatusIsolation {
  prepareForCreate(object: KubeObject): void;
  prepareForUpdate(object: KubeObject, old: KubeObject, context: RequestContext): void;
}

/** Kinds with a status of its own: a write of the object leaves the status alone, and a write of the status everything else. */
export function statusIsolation({initial, generation}: StatusOptions): StatusIsolation {
  return {
    prepareForCreate(object) {
      object['status'] = cloneJson(initial);
      if (generation !== undefined) object.metadata.generation = 1;
    },
    prepareForUpdate(object, old, context) {
      if (isStatusWrite(context)) {
        keep(object, old, 'spec');
        return;
      }
      keep(object, old, 'status');
      if (generation === undefined) return;
      const changed =
        !jsonEqual(object['spec'] ?? null, old['spec'] ?? null) ||
        (generation === 'spec and annotations' &&
          !jsonEqual(object.metadata.annotations ?? {}, old.metadata.annotations ?? {}));
      if (changed) object.metadata.generation = (old.metadata.generation ?? 0) + 1;
    },
  };
}

export function isStatusWrite({subresource}: RequestContext): boolean {
  return subresource === 'status';
}

/** Gives a member the value that it had. */
export function keep(object: KubeObject, old: KubeObject, member: string): void {
  const value = old[member];
  if (value === undefined) delete object[member];
  else object[member] = cloneJson(value);
}
