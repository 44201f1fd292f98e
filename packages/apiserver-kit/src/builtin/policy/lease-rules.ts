import type {Lease} from 'kubernetes-types/coordination/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import type {JsonObject} from '../../json/json-value.ts';
import type {BuiltinRules} from '../rules.ts';
import {leaseTable} from '../tables/policy-tables.ts';
import {notNegative} from '../validation/field-rules.ts';

interface LeaseSpec {
  leaseDurationSeconds?: number;
  leaseTransitions?: number;
}

/** Leases. */
export const leaseRules: BuiltinRules = {
  version: {table: leaseTable},
  // Fields of coordinated leader election, which is not on by default.
  defaults(object) {
    const spec = object['spec'] as JsonObject | undefined;
    delete spec?.['strategy'];
    delete spec?.['preferredHolder'];
  },
  strategy: {
    allowCreateOnUpdate: true,
    allowUnconditionalUpdate: false,
    validate(object): FieldError[] {
      const spec: LeaseSpec = (object as Lease).spec ?? {};
      const errors: FieldError[] = [];
      if (spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0)
        errors.push(
          fieldErrors.invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0'),
        );
      errors.push(...notNegative(spec.leaseTransitions, 'spec.leaseTransitions'));
      return errors;
    },
  },
};
