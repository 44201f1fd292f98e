import {randomUUID} from 'node:crypto';
import {systemUser} from '../auth/user-info.ts';
import type {RequestContext} from './request-context.ts';
import type {Resource} from './resource.ts';

/** The context of something that the server does by itself, for example a controller in it. */
export function systemContext(
  resource: Pick<Resource, 'group' | 'plural' | 'storageVersion'>,
  request: Partial<RequestContext> & {verb: string},
): RequestContext {
  return {
    user: systemUser,
    group: resource.group,
    version: resource.storageVersion,
    resource: resource.plural,
    subresource: '',
    namespace: '',
    name: '',
    query: new URLSearchParams(),
    dryRun: false,
    fieldManager: 'kruntimes-apiserver',
    fieldValidation: 'Ignore',
    warn: () => {},
    signal: new AbortController().signal,
    userAgent: '',
    auditId: randomUUID(),
    ...request,
  };
}
