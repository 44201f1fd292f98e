import type {Namespace} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import type {KubeObject} from '../../kube-object.ts';
import {labelProblems} from '../../registry/name-rules.ts';
import type {BuiltinRules} from '../rules.ts';
import {isStatusWrite, keep} from '../status-isolation.ts';
import {namespaceTable} from '../tables/core-tables.ts';
import {asInvalid} from '../validation/field-rules.ts';

/** What the namespace lifecycle controller removes when a namespace is empty. */
const KUBERNETES = 'kubernetes';
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** By which a namespace is selected by its name. */
function addNameLabel({metadata}: KubeObject): void {
  if (metadata.name) metadata.labels = {...metadata.labels, [NAME_LABEL]: metadata.name};
}

/** Namespaces. They go in two steps: first marked, then, with `finalize`, for good. */
export const namespaceRules: BuiltinRules = {
  defaults(object) {
    addNameLabel(object);
    const status = (object as Namespace).status;
    if (status) status.phase ??= 'Active';
  },
  strategy: {
    returnsDeleted: true,
    validateName: labelProblems,
    canonicalize: addNameLabel,
    prepareForCreate(object) {
      addNameLabel(object);
      object['status'] = {phase: 'Active'};
      const finalizers = (object as Namespace).spec?.finalizers ?? [];
      object['spec'] = {finalizers: finalizers.includes(KUBERNETES) ? finalizers : [...finalizers, KUBERNETES]};
    },
    prepareForUpdate(object, old, context) {
      if (context.subresource === 'finalize') keep(object, old, 'status');
      else if (isStatusWrite(context)) keep(object, old, 'spec');
      else {
        keep(object, old, 'spec');
        keep(object, old, 'status');
      }
    },
    validate(object, old, context): FieldError[] {
      const {spec, status, metadata} = object as Namespace;
      const errors = (spec?.finalizers ?? []).flatMap((finalizer, index) =>
        finalizer === KUBERNETES || finalizer.includes('/')
          ? []
          : [
              fieldErrors.invalid(
                old === undefined ? 'spec.finalizers' : `spec.finalizers[${index}]`,
                finalizer,
                'name is neither a standard finalizer name nor is it fully qualified',
              ),
            ],
      );
      if (old !== undefined && isStatusWrite(context)) {
        const wanted = metadata?.deletionTimestamp ? 'Terminating' : 'Active';
        if (status?.phase !== wanted)
          errors.push(
            fieldErrors.invalid(
              'status.Phase',
              status?.phase,
              wanted === 'Active'
                ? "may only be 'Active' if `deletionTimestamp` is empty"
                : "may only be 'Terminating' if `deletionTimestamp` is not empty",
            ),
          );
      }
      const label = metadata?.labels?.[NAME_LABEL];
      if (old !== undefined && label !== undefined && label !== metadata?.name)
        errors.push(...asInvalid([`must be ${metadata?.name}`], label, `metadata.labels[${NAME_LABEL}]`));
      return errors;
    },
    beforeDelete(object) {
      const namespace = object as Namespace;
      const left = namespace.spec?.finalizers ?? [];
      if (left.length === 0) return {keep: false};
      object.metadata.deletionTimestamp ??= `${new Date().toISOString().slice(0, 19)}Z`;
      object['status'] = {...namespace.status, phase: 'Terminating'} as {phase: string};
      return {keep: true};
    },
  },
  version: {table: namespaceTable, selectableFields: ['status.phase']},
};
