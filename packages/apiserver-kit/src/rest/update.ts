import {statusErrors} from '../errors/status-error.ts';
import {checkNamespace} from './create.ts';
import {decodeBody} from './decode-body.ts';
import {checkWriteOptions} from './query-options.ts';
import {requestOptions} from './request-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {StoreRequest} from './rest-request.ts';

/** PUT of an object, or of its status. */
export async function update(request: StoreRequest): Promise<RestAnswer> {
  const {info, found, store, context} = request;
  const {resource} = found;
  checkWriteOptions('UpdateOptions', info.query);
  const rules = store.rules(context.version);
  const kind = {...resource, version: context.version};
  const next = await decodeBody(request, kind, (value, unknown) => rules.shape(value, unknown));
  checkName(next.metadata.name ?? '', context.name);
  checkNamespace(next, context.namespace, resource.namespaced);
  const {object, isNew} = await store.update(context, context.name, () => next, {
    isShaped: true,
    uid: next.metadata.uid,
    options: requestOptions('UpdateOptions', info.query),
    ...(resource.strategy.allowCreateOnUpdate === true && context.subresource === '' && {create: () => next}),
  });
  return {$case: 'stored', code: isNew ? 201 : 200, object};
}

/** @throws StatusError 400 */
export function checkName(given: string, name: string): void {
  if (given === '') {
    throw statusErrors.badRequest(
      `the name of the object (${name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (given !== name) {
    throw statusErrors.badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  }
}
