import {type StatusError, statusErrors} from '../errors/status-error.ts';
import type {AccessAttributes} from './authorization.ts';

/**
 * What somebody is answered who may not do what they asked for.
 *
 * @param reason of the decision; may be empty
 */
export function forbidden(attributes: AccessAttributes, reason: string): StatusError {
  const {group, resource, name} = attributes;
  const why = `User ${JSON.stringify(attributes.user.username)} cannot ${describeAccess(attributes)}`;
  const target = attributes.path === undefined ? {group, name: resource} : {group: '', name: ''};
  return statusErrors.forbidden(
    target,
    attributes.path === undefined ? name : '',
    reason === '' ? why : `${why}: ${reason}`,
  );
}

function describeAccess({verb, path, group, resource, subresource, namespace}: AccessAttributes): string {
  if (path !== undefined) return `${verb} path ${JSON.stringify(path)}`;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  return `${verb} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${where}`;
}
