import type {Node} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {labelKeyProblems, labelValueProblems} from '../../selectors/label-syntax.ts';
import {parseQuantity} from '../quantity.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, keep} from '../status-isolation.ts';
import {nodeTable} from '../tables/core-tables.ts';
import {asInvalid, goStruct, oneOf} from '../validation/field-rules.ts';

/** Nodes. They come with their status: a kubelet registers itself. */
export const nodeRules: BuiltinRules = {
  version: {
    table: nodeTable,
    selectableFields: ['spec.unschedulable'],
    selectableField: (object) => `${(object as Node).spec?.unschedulable ?? false}`,
  },
  defaults(object) {
    const {spec, status} = object as Node;
    // Kubelets are not configured through the API any more.
    if (spec) delete spec.configSource;
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
      for (const part of ['capacity', 'allocatable'] as const)
        for (const [name, amount] of Object.entries(status?.[part] ?? {}))
          if ((parseQuantity(amount)?.nanos ?? 0n) < 0n)
            errors.push(fieldErrors.invalid(`status.${part}.${name}`, amount, 'must be greater than or equal to 0'));
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

/** Shown with the names of Go's fields. */
function duplicateTaint(at: string, {key, value, effect}: {key: string; value: string; effect: string}): FieldError {
  const shown = goStruct({Key: key, Value: value, Effect: effect, TimeAdded: null}).text;
  return {
    type: 'FieldValueDuplicate',
    field: at,
    message: `Duplicate value: ${shown}: taints must be unique by key and effect pair`,
  };
}

function taintProblems({spec}: Node): FieldError[] {
  const errors: FieldError[] = [];
  const known = new Set<string>();
  for (const [index, {key, value = '', effect}] of (spec?.taints ?? []).entries()) {
    const at = `metadata.taints[${index}]`;
    errors.push(...asInvalid(labelKeyProblems(key), key, `${at}.key`));
    errors.push(...asInvalid(labelValueProblems(value), value, `${at}.value`));
    if (effect) errors.push(...oneOf(effect, ['NoSchedule', 'PreferNoSchedule', 'NoExecute'], `${at}.effect`));
    else errors.push(fieldErrors.required(`${at}.effect`));
    const same = `${effect} ${key}`;
    if (known.has(same)) errors.push(duplicateTaint(at, {key, value, effect}));
    known.add(same);
  }
  return errors;
}
