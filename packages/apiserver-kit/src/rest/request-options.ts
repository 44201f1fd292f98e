import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';

/** The options of a write as an object, for admission. */
export function requestOptions(kind: string, query: URLSearchParams, more: JsonObject = {}): KubeObject {
  const options: JsonObject = {kind, apiVersion: 'meta.k8s.io/v1'};
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  if (dryRun.length > 0) options['dryRun'] = dryRun;
  for (const name of ['fieldManager', 'fieldValidation']) {
    const value = query.get(name) ?? '';
    if (value !== '') options[name] = value;
  }
  // Options have no metadata, unlike everything else that has a kind.
  return {...options, ...more} as KubeObject;
}
