import type {JsonObject} from '../json/json-value.ts';
import type {AdmissionAttributes, AdmissionPlugin} from './admission.ts';
import {objectsIn, specOf, textOf} from './pod-spec.ts';

const TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
const TOLERATION_SECONDS = 300;

/** Pods stay for five minutes on a node that is not ready or cannot be reached, unless they say otherwise. */
export const defaultTolerationSeconds: AdmissionPlugin = {
  name: 'DefaultTolerationSeconds',
  async admit({operation, resource, context, object}: AdmissionAttributes) {
    if (resource.group !== '' || resource.plural !== 'pods' || context.subresource !== '' || !object) return;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    const spec = specOf(object);
    const tolerations = objectsIn(spec['tolerations']);
    const missing = TAINTS.filter((taint) => !tolerations.some((toleration) => tolerates(toleration, taint)));
    if (missing.length === 0) return;
    const added = missing.map((key) => ({
      key,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: TOLERATION_SECONDS,
    }));
    spec['tolerations'] = [...tolerations, ...added];
  },
};

function tolerates({key, effect}: JsonObject, taint: string): boolean {
  const isKey = textOf(key) === taint || textOf(key) === '';
  return isKey && (textOf(effect) === 'NoExecute' || textOf(effect) === '');
}
