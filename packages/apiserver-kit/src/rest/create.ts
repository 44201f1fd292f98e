import {statusErrors} from '../errors/status-error.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import {fieldManagerOf} from '../registry/field-manager-of.ts';
import {VersionRules} from '../registry/version-rules.ts';
import {decodeBody} from './decode-body.ts';
import {checkWriteOptions} from './query-options.ts';
import {requestOptions} from './request-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {RestRequest, StoreRequest} from './rest-request.ts';

export async function create(request: StoreRequest): Promise<RestAnswer> {
  const {info, found, store, context} = request;
  const {resource} = found;
  checkWriteOptions('CreateOptions', info.query);
  const rules = store.rules(context.version);
  const kind = {...resource, version: context.version};
  const object = await decodeBody(request, kind, (value, unknown) => rules.shape(value, unknown));
  checkNamespace(object, context.namespace, resource.namespaced);
  const options = requestOptions('CreateOptions', info.query);
  return {$case: 'stored', code: 201, object: await store.create(context, object, {isShaped: true, options})};
}

/** @throws StatusError 400 */
export function checkNamespace({metadata}: KubeObject, namespace: string, isNamespaced: boolean): void {
  const given = metadata.namespace ?? '';
  if (isNamespaced && given !== '' && given !== namespace) {
    throw statusErrors.badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
}

/** Answers a question that is not kept. */
export async function review(request: RestRequest): Promise<RestAnswer> {
  const {info, found, context} = request;
  checkWriteOptions('CreateOptions', info.query);
  const rules = new VersionRules(found.resource, found.version);
  const kind = {...found.resource, version: context.version};
  const object = await decodeBody(request, kind, (value, unknown) => rules.shape(value, unknown));
  checkNamespace(object, context.namespace, found.resource.namespaced);
  if (found.resource.namespaced) object.metadata = {...object.metadata, namespace: context.namespace};
  const written = fieldManagerOf(found.resource).updated({
    live: undefined,
    next: object,
    context: {
      manager: context.fieldManager,
      subresource: '',
      apiVersion: apiVersionOf(found.resource.group, context.version),
      time: new Date(),
    },
  });
  const result = await found.resource.review!(written, context);
  const apiVersion = apiVersionOf(found.resource.group, context.version);
  return {$case: 'object', code: 201, object: {...result, kind: found.resource.kind, apiVersion}};
}
