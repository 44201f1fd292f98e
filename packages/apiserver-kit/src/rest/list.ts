import {continueExpired, decodeContinueToken, encodeContinueToken} from '../cache/continue-token.ts';
import type {CachedObject} from '../cache/resource-cache.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import type {ResourceStore} from '../registry/resource-store.ts';
import {type ListOptions, parseListOptions, parseResourceVersion} from './list-options.ts';
import type {ListMeta, RestAnswer} from './rest-answer.ts';
import type {StoreRequest} from './rest-request.ts';
import {parseSelection, type Selection} from './selection.ts';

/** How long a read waits for a revision that it asks for. */
const WAIT_MS = 3_000;

/** Objects of a resource, with what a list says of itself. */
export interface ListResult {
  items: readonly CachedObject[];
  metadata: ListMeta;
}

export async function list(request: StoreRequest): Promise<RestAnswer> {
  const {info, found, store, context} = request;
  const options = parseListOptions(info.query, {isWatch: false});
  const selection = parseSelection(options, found.resource, found.version);
  return {$case: 'list', ...(await listObjects(store, context.namespace, options, selection))};
}

/** @throws StatusError 400, 410, 504 */
export async function listObjects(
  {cache}: ResourceStore,
  namespace: string,
  options: ListOptions,
  {matches}: Selection,
): Promise<ListResult> {
  const prefix = namespace === '' ? '' : `${namespace}/`;
  // Who takes any state is given all of it.
  const limit = options.limit > 0 && options.resourceVersion !== '0' ? options.limit : undefined;
  const scope = {prefix, matches, limit};
  if (options.continue !== '') return await continued(cache, scope, options);
  const exact = await revisionFor(cache, options);
  const found = cache.list({...scope, ...(exact !== undefined && {revision: exact})});
  return result(found, prefix);
}

/** Waits until the cache can answer; a number: the list is of that revision. */
async function revisionFor(cache: ResourceStore['cache'], options: ListOptions): Promise<number | undefined> {
  const {resourceVersion, resourceVersionMatch, limit} = options;
  if (resourceVersion === '') {
    await cache.fresh();
    return undefined;
  }
  const revision = parseResourceVersion(resourceVersion, {isList: true});
  if (revision === 0) return undefined;
  await cache.waitFor(revision, WAIT_MS);
  // A list in chunks that asks for a revision without saying how means that very one.
  return resourceVersionMatch === 'Exact' || (resourceVersionMatch === '' && limit > 0) ? revision : undefined;
}

async function continued(
  cache: ResourceStore['cache'],
  scope: {prefix: string; matches: Selection['matches']; limit: number | undefined},
  {continue: token, resourceVersion}: ListOptions,
): Promise<ListResult> {
  const {prefix} = scope;
  const {revision, key} = decodeContinueToken(token, prefix);
  if (resourceVersion !== '' && resourceVersion !== '0') {
    throw statusErrors.badRequest('specifying resource version is not allowed when using continue');
  }
  if (revision < 0) {
    await cache.fresh();
    return result(cache.list({...scope, after: key}), prefix);
  }
  try {
    await cache.waitFor(revision, WAIT_MS);
    return result(cache.list({...scope, after: key, revision}), prefix);
  } catch (error) {
    if (error instanceof StatusError && error.code === 410) throw continueExpired(key, prefix);
    throw error;
  }
}

function result(found: ReturnType<ResourceStore['cache']['list']>, prefix: string): ListResult {
  const {items, revision, next, remaining} = found;
  return {
    items,
    metadata: {
      resourceVersion: String(revision),
      ...(next !== undefined && {continue: encodeContinueToken({revision, key: next}, prefix)}),
      ...(next !== undefined && remaining !== undefined && {remainingItemCount: remaining}),
    },
  };
}
