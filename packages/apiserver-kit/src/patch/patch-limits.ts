import {StatusError, statusErrors} from '../errors/status-error.ts';

/** Bytes that the `copy` operations of one JSON patch may add, as kube-apiserver has it. */
export const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/** Operations of one JSON patch, as kube-apiserver has it. */
export const MAX_OPERATIONS = 10_000;

/** A patch that is well-formed, but cannot be carried out on this object: Kubernetes tells nobody why. */
export function cannotApply(why: string): StatusError {
  const message = 'the server rejected our request due to an error in our request';
  return new StatusError(422, 'Invalid', message, {}, {cause: new Error(why)});
}

export function tooManyOperations(count: number): StatusError {
  return statusErrors.tooLarge(
    `Request entity too large: The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${count}`,
  );
}
