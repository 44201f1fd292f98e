import {parseResourceVersion} from './list-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {StoreRequest} from './rest-request.ts';

const WAIT_MS = 3_000;

export async function get({info, store, context}: StoreRequest): Promise<RestAnswer> {
  const text = info.query.get('resourceVersion') ?? '';
  if (text === '') await store.cache.fresh();
  else {
    const revision = parseResourceVersion(text, {isList: false});
    if (revision > 0) await store.cache.waitFor(revision, WAIT_MS);
  }
  return {$case: 'stored', code: 200, object: store.get(context, context.name)};
}
