import type {AdmissionPlugin} from './admission.ts';
import {objectsIn, specOf} from './pod-spec.ts';

const KEY = 'node.kubernetes.io/not-ready';

/** A new Node takes no Pods until it is known to be ready. */
export const taintNodesByCondition: AdmissionPlugin = {
  name: 'TaintNodesByCondition',
  async admit({operation, resource, context, object}) {
    if (operation !== 'CREATE' || resource.group !== '' || resource.plural !== 'nodes') return;
    if (context.subresource !== '' || !object) return;
    const spec = specOf(object);
    const taints = objectsIn(spec['taints']);
    if (taints.some(({key, effect}) => key === KEY && effect === 'NoSchedule')) return;
    spec['taints'] = [...taints, {key: KEY, effect: 'NoSchedule'}];
  },
};
