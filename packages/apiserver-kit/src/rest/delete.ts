import {shapeOf} from '../builtin/go-shape.ts';
import {ShapeError} from '../builtin/shape-error.ts';
import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {type StatusDetails, StatusError, statusErrors} from '../errors/status-error.ts';
import {isTrue} from '../http/request-info.ts';
import {DecodeError} from '../json/decode-error.ts';
import {decodeJson} from '../json/decode-json.ts';
import {decodeYaml} from '../json/decode-yaml.ts';
import {isJsonObject, type JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import {decodeProtobuf} from '../protobuf/decode-protobuf.ts';
import type {DeleteOptions} from '../registry/deletion.ts';
import type {Resource} from '../registry/resource.ts';
import type {Deletion} from '../registry/resource-store.ts';
import {bodyFormat} from './decode-body.ts';
import {listObjects} from './list.ts';
import {parseListOptions} from './list-options.ts';
import {dryRunErrors} from './query-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {StoreRequest} from './rest-request.ts';
import {parseSelection} from './selection.ts';

const shapeOfOptions = shapeOf('io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions');
const policies: ReadonlySet<string> = new Set(['Foreground', 'Background', 'Orphan']);

export async function deleteOne(request: StoreRequest): Promise<RestAnswer> {
  const {store, context, found} = request;
  const {options, requested} = await readOptions(request);
  const deletion = await store.delete(context, context.name, options, requested);
  const isAwaited = options.orphanDependents === false;
  return answerOf(found.resource, deletion, !deletion.isGone && isAwaited ? 202 : 200);
}

function answerOf(resource: Resource, {object, isGone}: Deletion, code: number): RestAnswer {
  if (!isGone || resource.strategy.returnsDeleted === true) return {$case: 'stored', code, object};
  const {name = '', uid = ''} = object.object.metadata;
  const details: StatusDetails = {
    name,
    ...(resource.group === '' ? {} : {group: resource.group}),
    kind: resource.plural,
    uid,
  };
  const status = {kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details};
  return {$case: 'object', code, object: status};
}

/** Deletes all that match. The answer lists them as they were. */
export async function deleteCollection(request: StoreRequest): Promise<RestAnswer> {
  const {store, context, info, found} = request;
  const {options, requested} = await readOptions(request);
  const listOptions = parseListOptions(info.query, {isWatch: false});
  const selection = parseSelection(listOptions, found.resource, found.version);
  const {items, metadata} = await listObjects(store, context.namespace, listOptions, selection);
  for (const {object} of items) {
    const {name = '', namespace = ''} = object.metadata;
    try {
      await store.delete({...context, name, namespace}, name, options, requested);
    } catch (error) {
      if (!(error instanceof StatusError) || error.code !== 404) throw error;
    }
  }
  return {$case: 'list', items, metadata};
}

/** @throws StatusError 400, 415, 422 */
async function readOptions(request: StoreRequest): Promise<{options: DeleteOptions; requested: KubeObject}> {
  const body = await request.body();
  const given = body.length > 0 ? decodeOptions(request, body) : queryOptions(request.info.query);
  const dryRun = Array.isArray(given['dryRun']) ? given['dryRun'].map(String) : [];
  const errors = [...optionErrors(given), ...dryRunErrors(dryRun)];
  if (errors.length > 0) {
    throw statusErrors.invalid({group: 'meta.k8s.io', name: 'DeleteOptions'}, '', errors);
  }
  // A dry run is one also where the body says so.
  if (dryRun.includes('All')) request.context.dryRun = true;
  const {gracePeriodSeconds, preconditions, propagationPolicy, orphanDependents} = given as DeleteOptions;
  const options: DeleteOptions = {
    // What is below zero counts as the shortest time there is.
    ...(typeof gracePeriodSeconds === 'number' && {
      gracePeriodSeconds: gracePeriodSeconds < 0 ? 1 : gracePeriodSeconds,
    }),
    ...(preconditions != null && {preconditions}),
    ...(propagationPolicy != null && {propagationPolicy}),
    ...(typeof orphanDependents === 'boolean' && {orphanDependents}),
  };
  const requested = {...given, kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1'};
  // Options have no metadata, unlike everything else that has a kind.
  return {options, requested: requested as JsonObject as KubeObject};
}

function decodeOptions(request: StoreRequest, body: Uint8Array): JsonObject {
  const format = bodyFormat(request);
  try {
    const value = format === 'protobuf' ? decodeProtobuf(body, deleteOptions) : decoded(format, body);
    if (value === null) return {};
    const shaped = shapeOfOptions(value);
    if (!isJsonObject(shaped)) return {};
    checkKind(shaped);
    return shaped;
  } catch (error) {
    if (error instanceof ShapeError) throw statusErrors.badRequest(error.message);
    if (!(error instanceof DecodeError)) throw error;
    throw statusErrors.badRequest(`couldn't get version/kind; json parse error: ${error.message}`);
  }
}

const deleteOptions = {apiVersion: 'meta.k8s.io/v1', kind: 'DeleteOptions'};

function decoded(format: 'json' | 'yaml', body: Uint8Array) {
  return (format === 'json' ? decodeJson(body) : decodeYaml(body)).value;
}

/** DeleteOptions are of every group and version. */
function checkKind({kind, apiVersion}: JsonObject): void {
  if (kind === undefined || kind === '' || kind === 'DeleteOptions') return;
  const version = typeof apiVersion === 'string' ? apiVersion : '';
  throw statusErrors.badRequest(
    `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(version)} in scheme "pkg/runtime/scheme.go:111"`,
  );
}

function queryOptions(query: URLSearchParams): JsonObject {
  const options: JsonObject = {};
  const grace = query.get('gracePeriodSeconds');
  if (grace !== null && grace !== '') {
    if (!/^[+-]?\d+$/.test(grace)) {
      throw statusErrors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(grace)}: invalid syntax`);
    }
    options['gracePeriodSeconds'] = Number(grace);
  }
  const policy = query.get('propagationPolicy');
  if (policy !== null) options['propagationPolicy'] = policy;
  const orphan = query.get('orphanDependents');
  if (orphan !== null) options['orphanDependents'] = isTrue(orphan);
  const dryRun = query.getAll('dryRun');
  if (dryRun.length > 0) options['dryRun'] = dryRun;
  return options;
}

function optionErrors({propagationPolicy, orphanDependents}: JsonObject): FieldError[] {
  const errors: FieldError[] = [];
  const isPolicy = typeof propagationPolicy === 'string';
  if (isPolicy && typeof orphanDependents === 'boolean') {
    const what = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push(fieldErrors.invalid('propagationPolicy', propagationPolicy, what));
  }
  if (isPolicy && !policies.has(propagationPolicy)) {
    errors.push(fieldErrors.notSupported('propagationPolicy', propagationPolicy, [...policies, 'nil']));
  }
  return errors;
}
