import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {goQuote} from '../errors/go-text.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {ObjectMeta, OwnerReference} from '../kube-object.ts';
import {labelKeyProblems, labelValueProblems} from '../selectors/label-syntax.ts';
import {maskTrailingDash} from './name-rules.ts';

const ANNOTATIONS_BYTES = 256 * 1024;
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

export interface ObjectMetaRules {
  namespaced: boolean;
  /** Custom kinds take finalizers of any name that is syntactically good. */
  custom: boolean;
  validateName(name: string): string[];
}

/**
 * What is wrong with the metadata of an object, in Kubernetes' words and order.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
export function validateObjectMeta(metadata: ObjectMeta, rules: ObjectMetaRules): FieldError[] {
  const errors: FieldError[] = [];
  const {generateName = '', name = '', namespace = '', generation, annotations} = metadata;
  if (generateName !== '') {
    for (const problem of rules.validateName(maskTrailingDash(generateName))) {
      errors.push(fieldErrors.invalid('metadata.generateName', generateName, problem));
    }
  }
  if (name === '') errors.push(fieldErrors.required('metadata.name', 'name or generateName is required'));
  else {
    for (const problem of rules.validateName(name)) errors.push(fieldErrors.invalid('metadata.name', name, problem));
  }
  if (rules.namespaced) {
    if (namespace === '') errors.push(fieldErrors.required('metadata.namespace'));
  } else if (namespace !== '') {
    errors.push(fieldErrors.forbidden('metadata.namespace', 'not allowed on this type'));
  }
  if (generation !== undefined && generation < 0) {
    errors.push(fieldErrors.invalid('metadata.generation', generation, 'must be greater than or equal to 0'));
  }
  // Not as arguments of a call: there may be more of them than the stack takes.
  return errors.concat(
    labelErrors(metadata.labels),
    annotationErrors(annotations),
    ownerErrors(metadata.ownerReferences ?? []),
    finalizerErrors(metadata.finalizers ?? [], rules.custom),
  );
}

/** What an update may not change, beside what is wrong with the metadata itself. @param next UID and times of `old` filled in */
export function validateObjectMetaUpdate(next: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = (next.finalizers ?? []).filter((finalizer) => !old.finalizers?.includes(finalizer));
    if (added.length > 0) {
      const shown = `[]string{${[...new Set(added)].map(goQuote).join(', ')}}`;
      errors.push(
        fieldErrors.forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers ${shown}`,
        ),
      );
    }
  }
  if (next.generation !== undefined && next.generation < 0) {
    errors.push(fieldErrors.invalid('metadata.generation', next.generation, 'must be greater than or equal to 0'));
  }
  for (const field of [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const) {
    if (next[field] !== old[field])
      errors.push(fieldErrors.invalid(`metadata.${field}`, next[field] ?? null, 'field is immutable'));
  }
  return errors.concat(
    labelErrors(next.labels),
    annotationErrors(next.annotations),
    ownerErrors(next.ownerReferences ?? []),
  );
}

function labelErrors(labels: ObjectMeta['labels']): FieldError[] {
  const invalid = (shown: string, problems: readonly string[]): FieldError[] =>
    problems.map((problem) => fieldErrors.invalid('metadata.labels', shown, problem));
  return Object.entries(labels ?? {}).flatMap(([key, value]) => [
    ...invalid(key, labelKeyProblems(key)),
    ...invalid(value, labelValueProblems(value)),
  ]);
}

function annotationErrors(annotations: ObjectMeta['annotations']): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    // The case of letters in the prefix does not matter here, as it does in labels.
    for (const problem of labelKeyProblems(key.toLowerCase())) {
      errors.push(fieldErrors.invalid('metadata.annotations', key, problem));
    }
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > ANNOTATIONS_BYTES) errors.push(fieldErrors.tooLong('metadata.annotations', ANNOTATIONS_BYTES));
  return errors;
}

function ownerErrors(owners: readonly OwnerReference[]): FieldError[] {
  const errors: FieldError[] = [];
  const field = 'metadata.ownerReferences';
  let controller: string | undefined;
  for (const owner of owners) {
    const {apiVersion = '', kind = '', name = '', uid = ''} = owner as Partial<OwnerReference>;
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    if (version === '') {
      errors.push(fieldErrors.invalid(`${field}.apiVersion`, apiVersion, 'version must not be empty'));
    }
    for (const [member, value] of Object.entries({kind, name, uid})) {
      if (value === '') errors.push(fieldErrors.invalid(`${field}.${member}`, value, 'must not be empty'));
    }
    if (kind === 'Event' && (apiVersion === 'v1' || apiVersion.startsWith('events.k8s.io/'))) {
      const group = apiVersion === 'v1' ? '' : 'events.k8s.io';
      const what = `${group}/${version}, Kind=Event is disallowed from being an owner`;
      const message = `Invalid value: ${JSON.stringify(shownOwner(owner))}: ${what}`;
      errors.push({type: 'FieldValueInvalid', field, message});
    }
  }
  for (const {controller: isController, kind, name} of owners) {
    if (isController !== true) continue;
    if (controller !== undefined) {
      const rest = `Found "true" in references for ${controller} and ${kind}/${name}`;
      const what = `Only one reference can have Controller set to true. ${rest}`;
      const message = `Invalid value: ${JSON.stringify(owners.map(shownOwner))}: ${what}`;
      errors.push({type: 'FieldValueInvalid', field, message});
      break;
    }
    controller = `${kind}/${name}`;
  }
  return errors;
}

/** In the order of Go's struct. */
function shownOwner({apiVersion, kind, name, uid, controller, blockOwnerDeletion}: OwnerReference): JsonObject {
  return {
    apiVersion,
    kind,
    name,
    uid,
    ...(controller !== undefined && {controller}),
    ...(blockOwnerDeletion !== undefined && {blockOwnerDeletion}),
  };
}

function finalizerErrors(finalizers: readonly string[], custom: boolean): FieldError[] {
  const field = 'metadata.finalizers';
  const errors = finalizers.flatMap((finalizer) =>
    labelKeyProblems(finalizer).map((problem) => fieldErrors.invalid(field, finalizer, problem)),
  );
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    const what = 'finalizer orphan and foregroundDeletion cannot be both set';
    errors.push(fieldErrors.invalid(field, [...finalizers], what));
  }
  if (custom) return errors;
  for (const [index, finalizer] of finalizers.entries()) {
    if (finalizer.includes('/') || STANDARD_FINALIZERS.has(finalizer)) continue;
    const what = 'name is neither a standard finalizer name nor is it fully qualified';
    errors.push(fieldErrors.invalid(`${field}[${index}]`, finalizer, what));
  }
  return errors;
}
