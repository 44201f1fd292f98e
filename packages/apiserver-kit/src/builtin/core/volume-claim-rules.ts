import type {PersistentVolumeClaim} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import {subdomainProblems} from '../../registry/name-rules.ts';
import {fractionWarning} from '../pod/pod-warnings.ts';
import {parseQuantity} from '../quantity.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, statusIsolation} from '../status-isolation.ts';
import {volumeClaimTable} from '../tables/core-tables.ts';
import {asInvalid, labelSelector, oneOf, sameJson} from '../validation/field-rules.ts';
import {volumeClaimDefaults} from '../volume-claim-defaults.ts';

const modes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

/** PersistentVolumeClaims. */
export const volumeClaimRules: BuiltinRules = {
  version: {table: volumeClaimTable},
  defaults(object) {
    const claim = object as PersistentVolumeClaim;
    if (claim.spec) volumeClaimDefaults(claim.spec);
    if (claim.status) claim.status.phase ??= 'Pending';
    // Only claims and snapshots can be sources; others are forgotten.
    const source = claim.spec?.dataSource;
    const usable =
      (source?.kind === 'PersistentVolumeClaim' && !source.apiGroup) ||
      (source?.kind === 'VolumeSnapshot' && source.apiGroup === 'snapshot.storage.k8s.io');
    if (source && !usable) delete claim.spec?.dataSource;
  },
  strategy: {
    returnsDeleted: true,
    ...statusIsolation({initial: {phase: 'Pending'}}),
    warnings: (object) =>
      fractionWarning(
        (object as PersistentVolumeClaim).spec?.resources?.requests?.['storage'],
        'spec.resources.requests[storage]',
      ),
    validate(object, old, context) {
      if (isStatusWrite(context)) return [];
      const claim = object as PersistentVolumeClaim;
      const errors = claimProblems(claim);
      if (old !== undefined) errors.push(...updateProblems(claim, old as PersistentVolumeClaim));
      return errors;
    },
  },
};

function claimProblems({spec}: PersistentVolumeClaim): FieldError[] {
  const errors: FieldError[] = [];
  const accessModes = spec?.accessModes ?? [];
  if (accessModes.length === 0)
    errors.push(fieldErrors.required('spec.accessModes', 'at least 1 access mode is required'));
  errors.push(...labelSelector(spec?.selector, 'spec.selector'));
  for (const mode of accessModes) errors.push(...oneOf(mode, modes, 'spec.accessModes'));
  if (accessModes.includes('ReadWriteOncePod') && accessModes.length > 1)
    errors.push(fieldErrors.forbidden('spec.accessModes', 'may not use ReadWriteOncePod with other access modes'));
  const storage = spec?.resources?.requests?.['storage'];
  if (storage === undefined) errors.push(fieldErrors.required('spec.resources[storage]'));
  else if ((parseQuantity(storage)?.nanos ?? 0n) <= 0n)
    errors.push(fieldErrors.invalid('spec.resources[storage]', storage, 'must be greater than zero'));
  if (spec?.storageClassName)
    errors.push(...asInvalid(subdomainProblems(spec.storageClassName), spec.storageClassName, 'spec.storageClassName'));
  if (spec?.volumeMode !== undefined)
    errors.push(...oneOf(spec.volumeMode, ['Block', 'Filesystem'], 'spec.volumeMode'));
  return errors;
}

/** A claim keeps its spec: it may be bound to a volume once, and a bound one may grow. */
function updateProblems(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const before = old.spec ?? {};
  const bound = old.status?.phase === 'Bound';
  const storage = claim.spec?.resources?.requests?.['storage'];
  const oldStorage = before.resources?.requests?.['storage'];
  const changed = {
    ...claim.spec,
    ...(before.volumeName ? {} : {volumeName: null}),
    ...(bound && {resources: null, volumeAttributesClassName: null}),
  };
  const kept = {
    ...before,
    ...(before.volumeName ? {} : {volumeName: null}),
    ...(bound && {resources: null, volumeAttributesClassName: null}),
  };
  if (!sameJson(changed, kept)) {
    return [
      fieldErrors.forbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    ];
  }
  const shrinks = (parseQuantity(storage ?? '0')?.nanos ?? 0n) < (parseQuantity(oldStorage ?? '0')?.nanos ?? 0n);
  return shrinks
    ? [fieldErrors.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')]
    : [];
}
