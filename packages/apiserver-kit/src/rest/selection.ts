import type {CachedObject} from '../cache/resource-cache.ts';
import {isJsonObject, type JsonValue, member} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {Resource, ResourceVersion} from '../registry/resource.ts';
import {checkFieldSelector, parseFieldSelector} from '../selectors/field-selector.ts';
import {parseLabelSelector} from '../selectors/parse-label-selector.ts';

/** Which objects of a resource are meant. */
export interface Selection {
  /** Undefined: all. */
  matches: ((object: CachedObject) => boolean) | undefined;
  /** The only name that it can be. */
  name: string | undefined;
  /** The only namespace that it can be. */
  namespace: string | undefined;
}

/** @throws StatusError 400 */
export function parseSelection(
  {labelSelector, fieldSelector}: {labelSelector: string; fieldSelector: string},
  resource: Resource,
  version: ResourceVersion,
): Selection {
  const labels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(fieldSelector);
  checkFieldSelector(fields, resource, version.selectableFields);
  const valueOf = (object: KubeObject, path: string): string => {
    if (path === 'metadata.name') return object.metadata.name ?? '';
    if (path === 'metadata.namespace') return object.metadata.namespace ?? '';
    return version.selectableField ? version.selectableField(object, path) : textAt(object, path);
  };
  return {
    matches:
      labels.empty && fields.empty
        ? undefined
        : ({object}) => labels.matches(object.metadata.labels) && fields.matches((path) => valueOf(object, path)),
    name: fields.requiredValue('metadata.name'),
    namespace: fields.requiredValue('metadata.namespace'),
  };
}

function textAt(object: KubeObject, path: string): string {
  let value: JsonValue | undefined = object;
  for (const name of path.split('.')) {
    if (!isJsonObject(value)) return '';
    value = member(value, name);
  }
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}
