import {findObject, type Stores} from '../auth/stores.ts';
import type {KubeObject} from '../kube-object.ts';
import type {AdmissionPlugin} from './admission.ts';
import {newPod, specOf, textOf} from './pod-spec.ts';
import {refuse} from './refusal.ts';

const GROUP = 'scheduling.k8s.io';
const DEFAULT_POLICY = 'PreemptLowerPriority';

/** Gives Pods the number that their PriorityClass stands for, or that of the class for all. */
export function priorityAdmission(stores: Stores): AdmissionPlugin {
  return {
    name: 'Priority',
    async admit(attributes) {
      const pod = newPod(attributes);
      if (!pod) return;
      const spec = specOf(pod);
      const wanted = textOf(spec['priorityClassName']);
      const found =
        wanted === '' ? globalDefault(stores) : findObject(stores, GROUP, 'priorityclasses', wanted)?.object;
      if (wanted !== '' && !found) throw refuse(attributes, `no PriorityClass with name ${wanted} was found`);
      if (found && wanted === '') spec['priorityClassName'] = found.metadata.name ?? '';
      const value = typeof found?.['value'] === 'number' ? found['value'] : 0;
      const policy = textOf(found?.['preemptionPolicy']) || DEFAULT_POLICY;
      const {priority, preemptionPolicy} = spec;
      if (typeof priority === 'number' && priority !== value) {
        const given = `the integer value of priority (${priority}) must not be provided in pod spec`;
        throw refuse(
          attributes,
          `${given}; priority admission controller computed ${value} from the given PriorityClass name`,
        );
      }
      if (typeof preemptionPolicy === 'string' && preemptionPolicy !== policy) {
        const given = `the string value of PreemptionPolicy (${preemptionPolicy}) must not be provided in pod spec`;
        throw refuse(
          attributes,
          `${given}; priority admission controller computed ${policy} from the given PriorityClass name`,
        );
      }
      spec['priority'] = value;
      spec['preemptionPolicy'] = policy;
    },
  };
}

/** Of several, the one with the lowest number. */
function globalDefault(stores: Stores): KubeObject | undefined {
  const classes = stores.get(GROUP, 'priorityclasses')?.cache.list({}).items ?? [];
  const value = (each: KubeObject): number => (typeof each['value'] === 'number' ? each['value'] : 0);
  return classes
    .map(({object}) => object)
    .filter((each) => each['globalDefault'] === true)
    .toSorted((a, b) => value(a) - value(b))[0];
}
