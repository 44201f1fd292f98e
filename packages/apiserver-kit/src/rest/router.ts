import {definitionName} from '../builtin/definitions.ts';
import {shapeOf} from '../builtin/go-shape.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import type {Exchange} from '../http/exchange.ts';
import {NotFoundPage} from '../http/not-found-page.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import {pathSegmentProblems} from '../registry/name-rules.ts';
import type {Subresource} from '../registry/resource.ts';
import {create, review} from './create.ts';
import {decodeBody} from './decode-body.ts';
import {deleteCollection, deleteOne} from './delete.ts';
import {get} from './get.ts';
import {list} from './list.ts';
import {patch} from './patch.ts';
import {checkWriteOptions} from './query-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {RestRequest, StoreRequest} from './rest-request.ts';
import {getScale, patchScale, updateScale} from './scale.ts';
import {update} from './update.ts';
import {type WatchSink, watch} from './watch.ts';

/** For those that write their own answers. */
export interface Outlet {
  watch: WatchSink;
  exchange: Exchange;
}

/** Carries out a request for a resource. @throws StatusError */
export async function route(request: RestRequest, outlet: Outlet): Promise<RestAnswer> {
  const {info, found} = request;
  const {resource, store} = found;
  checkPlace(request);
  const [problem] = info.name === '' ? [] : pathSegmentProblems(info.name);
  if (problem !== undefined) {
    throw statusErrors.badRequest(`Name parameter invalid: ${JSON.stringify(info.name)}: ${problem}`);
  }
  if (info.subresource !== '') return await routeSubresource(request, outlet);
  if (resource.review) {
    if (info.verb === 'create' && info.name === '') return await review(request);
    throw notAllowed(request);
  }
  if (store === undefined || !allowed(request)) throw notAllowed(request);
  if (resource.namespaced && info.namespace === '' && info.verb !== 'list' && info.verb !== 'watch')
    throw notAllowed(request);
  const stored: StoreRequest = {...request, store};
  switch (info.verb) {
    case 'create':
      return await create(stored);
    case 'get':
      return await get(stored);
    case 'list':
      return await list(stored);
    case 'watch':
      return await watch(stored, outlet.watch);
    case 'update':
      return await update(stored);
    case 'patch':
      return await patch(stored);
    case 'delete':
      return await deleteOne(stored);
    case 'deletecollection':
      return await deleteCollection(stored);
    default:
      throw notAllowed(request);
  }
}

const ofObject: ReadonlySet<string> = new Set(['get', 'update', 'patch', 'delete', 'watch']);
const ofCollection: ReadonlySet<string> = new Set(['list', 'watch', 'create', 'deletecollection']);

function allowed({info, found}: RestRequest): boolean {
  const {verbs} = found.resource;
  if (verbs && !verbs.includes(info.verb)) return false;
  return (info.name === '' ? ofCollection : ofObject).has(info.verb);
}

/** @throws StatusError of a path that names a namespace where none belongs, or leaves it out */
function checkPlace({info, found}: RestRequest): void {
  const {namespaced, custom, group, plural} = found.resource;
  const isNamespace = group === '' && plural === 'namespaces';
  const isRead = info.verb === 'list' || info.verb === 'watch';
  const isMisplaced = namespaced
    ? info.namespace === '' && !(info.name === '' && (isRead || !custom))
    : info.namespace !== '' && !isNamespace;
  if (!isMisplaced && (custom || info.rest.length === 0)) return;
  throw custom ? new NotFoundPage() : unknownResource();
}

function unknownResource(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

function notAllowed({info, found}: RestRequest): StatusError {
  const {group, plural, custom} = found.resource;
  if (custom) {
    const verb = knownVerbs.has(info.verb) ? info.verb : '';
    return statusErrors.methodNotSupported({group, name: plural}, verb);
  }
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

const knownVerbs: ReadonlySet<string> = new Set([...ofObject, ...ofCollection]);

async function routeSubresource(request: RestRequest, outlet: Outlet): Promise<RestAnswer> {
  const {info, found} = request;
  const {resource, version, store} = found;
  const own = resource.subresources?.find(({name}) => name === info.subresource);
  if (own) return await answerSubresource(request, own, outlet);
  if (store === undefined) throw unknownResource();
  const stored: StoreRequest = {...request, store};
  const {status, scale, parts = []} = version.subresources;
  if ((info.subresource === 'status' && status === true) || parts.includes(info.subresource)) {
    if (info.verb === 'get') return await get(stored);
    if (info.verb === 'update') return await update(stored);
    if (info.verb === 'patch') return await patch(stored);
    throw notAllowed(request);
  }
  if (info.subresource === 'scale' && scale) {
    if (info.verb === 'get') return await getScale(stored, scale);
    if (info.verb === 'update') return await updateScale(stored, scale);
    if (info.verb === 'patch') return await patchScale(stored, scale);
    throw notAllowed(request);
  }
  if (!resource.custom) throw unknownResource();
  throw statusErrors.notFound({group: resource.group, name: resource.plural}, info.name);
}

async function answerSubresource(request: RestRequest, subresource: Subresource, outlet: Outlet): Promise<RestAnswer> {
  const {info, context} = request;
  const {group, version, kind, verbs} = subresource;
  if (!verbs.includes(info.verb)) throw notAllowed(request);
  if (subresource.connect) {
    await subresource.connect(context, outlet.exchange);
    return {$case: 'connected'};
  }
  if (!subresource.handle) throw notAllowed(request);
  if (info.verb === 'get') return {$case: 'object', code: 200, object: await subresource.handle(context, undefined)};
  const isCreate = info.verb === 'create';
  checkWriteOptions(isCreate ? 'CreateOptions' : 'UpdateOptions', info.query);
  const body = await decodeBody(request, {group, version, kind, custom: false}, shapeOfKind(group, version, kind));
  const object = await subresource.handle(context, body);
  return {$case: 'object', code: isCreate ? 201 : 200, object};
}

function shapeOfKind(group: string, version: string, kind: string) {
  const definition = definitionName(apiVersionOf(group, version), kind);
  if (definition === undefined) throw new Error(`there is no definition of ${kind}`);
  const shape = shapeOf(definition);
  return (value: Parameters<typeof shape>[0], unknown: (sentence: string) => void): KubeObject =>
    shape(value, (path) => unknown(`unknown field ${JSON.stringify(path)}`)) as KubeObject;
}
