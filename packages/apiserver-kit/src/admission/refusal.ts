import {type StatusError, statusErrors} from '../errors/status-error.ts';
import type {AdmissionAttributes} from './admission.ts';

/** The name by which messages call the object of a write: a generated one is not there yet. */
export function admissionName({context, object}: AdmissionAttributes): string {
  return context.name || object?.metadata.name || object?.metadata.generateName || 'Unknown';
}

/** 403 for a write that a plugin does not let pass. */
export function refuse(attributes: AdmissionAttributes, why: string): StatusError {
  const {group, plural} = attributes.resource;
  return statusErrors.forbidden({group, name: plural}, admissionName(attributes), why);
}
