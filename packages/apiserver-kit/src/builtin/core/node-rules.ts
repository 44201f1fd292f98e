import type {Node} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {labelKeyProblems, labelValueProblems} from '../../selectors/label-syntax.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, keep} from '../status-isolation.ts';
import {nodeTable} from '../tables/core-tables.ts';
import {asInvalid, oneOf} from '../validation/field-rules.ts';

/** Nodes. They come with their status: a kubelet registers itself. */
export const nodeRules: BuiltinRules = {
  version: {
    table: nodeTable,
    selectableFields: ['spec.unschedulable'],
    selectableField: (object) => `${(object as Node).spec?.unschedulable ?? false}`,
  },
  defaults(object) {
    const {spec, status} = object as Node;
    if (status?.capacity) status.allocatable ??= {...status.capacity};
    if (spec?.podCIDR && spec.podCIDRs?.[0] !== spec.podCIDR) spec.podCIDRs = [spec.podCIDR];
    else if (spec?.podCIDRs?.[0]) spec.podCIDR = spec.podCIDRs[0];
  },
  strategy: {
    prepareForUpdate(object, old, context) {
      keep(object, old, isStatusWrite(context) ? 'spec' : 'status');
    },
    validate(object, old, context) {
      const {spec, status} = object as Node;
      const errors = taintProblems(object as Node);
      const addresses = new Set<string>();
      for (const [index, address] of (status?.addresses ?? []).entries()) {
        const key = JSON.stringify(address);
        if (addresses.has(key)) errors.push(fieldErrors.duplicate(`status.addresses[${index}]`, address));
        addresses.add(key);
      }
      const before = (old as Node | undefined)?.spec;
      if (!before || isStatusWrite(context)) return errors;
      if (before.providerID && spec?.providerID !== before.providerID)
        errors.push(
          fieldErrors.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid'),
        );
      if (before.podCIDR && spec?.podCIDR !== before.podCIDR)
        errors.push(
          fieldErrors.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid'),
        );
      return errors;
    },
  },
};

function taintProblems({spec}: Node): FieldError[] {
  const errors: FieldError[] = [];
  const known = new Set<string>();
  for (const [index, {key, value = '', effect}] of (spec?.taints ?? []).entries()) {
    const at = `spec.taints[${index}]`;
    errors.push(...asInvalid(labelKeyProblems(key), key, `${at}.key`));
    errors.push(...asInvalid(labelValueProblems(value), value, `${at}.value`));
    if (effect) errors.push(...oneOf(effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'], `${at}.effect`));
    else errors.push(fieldErrors.required(`${at}.effect`));
    const same = `${effect} ${key}`;
    if (known.has(same)) errors.push(fieldErrors.duplicate(at, spec?.taints?.[index]));
    known.add(same);
  }
  return errors;
}
