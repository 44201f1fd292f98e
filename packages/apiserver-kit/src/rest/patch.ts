import {definitionName} from '../builtin/definitions.ts';
import {shapeOf} from '../builtin/go-shape.ts';
import {ShapeError} from '../builtin/shape-error.ts';
import {goQuote} from '../errors/go-text.ts';
import {goValue} from '../errors/go-value.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {giveWay} from '../flow/give-way.ts';
import {isTrue} from '../http/request-info.ts';
import {DecodeError} from '../json/decode-error.ts';
import {decodeJson} from '../json/decode-json.ts';
import {decodeYaml} from '../json/decode-yaml.ts';
import {encodeJson} from '../json/encode-json.ts';
import {cloneJson, isJsonObject, type JsonObject, type JsonValue, member} from '../json/json-value.ts';
import {withSortedKeys} from '../json/sorted-keys.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import {jsonPatch, unknownFieldsOfJsonPatch} from '../patch/json-patch.ts';
import {mergePatch} from '../patch/merge-patch.ts';
import {strategicMergePatch} from '../patch/strategic-merge-patch.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {Resource} from '../registry/resource.ts';
import type {Schema} from '../schema/schema.ts';
import {checkNamespace} from './create.ts';
import {shaped} from './decode-body.ts';
import {checkWriteOptions} from './query-options.ts';
import {requestOptions} from './request-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {RestRequest, StoreRequest} from './rest-request.ts';
import {checkName} from './update.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_MERGE_PATCH = 'application/strategic-merge-patch+json';
const APPLY = 'application/apply-patch+yaml';

/** A patch that was decoded. */
export interface Patch {
  type: typeof JSON_PATCH | typeof MERGE_PATCH | typeof STRATEGIC_MERGE_PATCH | typeof APPLY;
  value: JsonValue;
  /** Sentences on what stands there twice, and what a patch does not know. */
  problems: readonly string[];
}

/** PATCH of an object, or of its status. */
export async function patch(request: StoreRequest): Promise<RestAnswer> {
  const {info, store, context, found} = request;
  const type = patchType(request);
  checkWriteOptions('PatchOptions', info.query, type === APPLY);
  const body = await request.body();
  const decoded = decodePatch(type, body, context.fieldValidation);
  await giveWay(body.length);
  const rules = store.rules(context.version);
  const isForced = isTrue(info.query.get('force'));
  const options = requestOptions('PatchOptions', info.query, info.query.has('force') ? {force: isForced} : {});
  const check = (object: KubeObject): void => {
    checkName(object.metadata.name ?? '', context.name);
    checkNamespace(object, context.namespace, found.resource.namespaced);
  };
  const apply = async (live: KubeObject | undefined): Promise<KubeObject> => {
    const applied = decoded.value as KubeObject;
    checkApplied(applied, context, found.resource.namespaced);
    const {fieldManager: manager, subresource} = context;
    const object = store.fieldManager.apply({
      live,
      applied,
      manager,
      subresource,
      force: isForced,
      apiVersion: rules.apiVersion,
      time: new Date(),
    });
    if (live === undefined) checkNewApplied(object, context, request);
    await giveWay(body.length);
    const next = rules.shape(cloneJson(object), () => {}, {keepNulls: true});
    check(next);
    return next;
  };
  if (type === APPLY) {
    const {object, isNew} = await store.update(context, context.name, apply, {
      isShaped: true,
      keepManagedFields: true,
      options,
      ...(context.subresource === '' && {create: () => apply(undefined)}),
    });
    return {$case: 'stored', code: isNew ? 201 : 200, object};
  }
  const change = async (current: KubeObject): Promise<KubeObject> => {
    const object = patched(current, decoded, rules.version.schema, context);
    const refuse = (why: string): Error => invalidPatch(object, decoded, why, found.resource.custom);
    const problem = found.resource.custom ? undefined : otherTypeProblem(object, found.resource, context.version);
    if (problem !== undefined) throw refuse(problem);
    await giveWay(body.length);
    const next = shaped(
      context,
      cloneJson(object),
      decoded.problems,
      (value, unknown) => rules.shape(value, unknown),
      refuse,
    );
    check(next);
    return next;
  };
  const {object} = await store.update(context, context.name, change, {isShaped: true, options});
  return {$case: 'stored', code: 200, object};
}

/** What a patch makes of an object. @throws StatusError 400, 422 */
export function patched(
  current: JsonObject,
  {type, value}: Patch,
  schema: Schema | undefined,
  {fieldValidation}: Pick<RequestContext, 'fieldValidation'>,
): JsonObject {
  switch (type) {
    case JSON_PATCH: {
      const result = jsonPatch(current, value, {fieldValidation});
      if (isJsonObject(result)) return result;
      throw statusErrors.badRequest('the patched object is not an object');
    }
    case STRATEGIC_MERGE_PATCH:
      return strategicMergePatch(current, value, schema ?? {});
    default:
      return mergePatch(current, value, {fieldValidation});
  }
}

/** @throws StatusError 415 */
export function patchType({contentType, found}: Pick<RestRequest, 'contentType' | 'found'>): Patch['type'] {
  const {custom} = found.resource;
  switch (contentType?.name) {
    case JSON_PATCH:
    case MERGE_PATCH:
    case APPLY:
      return contentType.name;
    case STRATEGIC_MERGE_PATCH:
      if (!custom) return STRATEGIC_MERGE_PATCH;
      break;
    default:
  }
  if (custom) throw statusErrors.unsupportedMediaType([JSON_PATCH, MERGE_PATCH, APPLY]);
  throw new StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {});
}

/** @throws StatusError 400 */
export function decodePatch(
  type: Patch['type'],
  body: Uint8Array,
  fieldValidation: RequestContext['fieldValidation'],
): Patch {
  try {
    if (type !== APPLY) {
      const {value, duplicates} = decodeJson(body);
      const unknown = type === JSON_PATCH ? unknownFieldsOfJsonPatch(value) : [];
      return {type, value, problems: [...duplicates, ...unknown]};
    }
    const {value} = decodeYaml(body);
    return {type, value: appliedObject(value), problems: []};
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    if (type === APPLY)
      throw statusErrors.badRequest(`error decoding YAML: error converting YAML to JSON: ${error.message}`);
    const isBare = type === STRATEGIC_MERGE_PATCH || fieldValidation === 'Ignore';
    throw statusErrors.badRequest(isBare ? error.message : `error decoding patch: ${error.message}`);
  }
}

function appliedObject(value: JsonValue): JsonObject {
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  const kind = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const shown = kind === 'bigint' ? 'number' : kind;
  throw statusErrors.badRequest(
    `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${shown} into Go value of type map[string]interface {}`,
  );
}

/** @throws StatusError 400 of what is applied to another object than its own */
function checkApplied(applied: KubeObject, context: RequestContext, isNamespaced: boolean): void {
  if (!isJsonObject(applied.metadata)) applied.metadata = {};
  const {name, namespace} = applied.metadata;
  if (typeof name === 'string' && name !== '' && name !== context.name) checkName(name, context.name);
  if (typeof namespace === 'string') checkNamespace(applied, context.namespace, isNamespaced);
}

/** @throws StatusError 400, 409 of an apply that would create what it says to have seen */
function checkNewApplied({metadata}: KubeObject, {name}: RequestContext, {found}: StoreRequest): void {
  const {group, plural} = found.resource;
  const {uid} = metadata;
  if (typeof uid === 'string' && uid !== '') {
    throw statusErrors.conflict(
      {group, name: plural},
      name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  }
}

/** Of a patch whose result is no object of the kind. */
export function invalidPatch(object: JsonObject, {type, value}: Patch, why: string, isCustom = false): StatusError {
  const shown =
    type === STRATEGIC_MERGE_PATCH
      ? goQuote(goValue(value))
      : JSON.stringify(isCustom ? encodeJson(withSortedKeys(object)) : shownJson(object, value));
  return statusErrors.invalid({group: '', name: ''}, '', [
    {type: 'FieldValueInvalid', field: 'patch', message: `Invalid value: ${shown}: ${why}`},
  ]);
}

/** What is wrong with a patch that makes another kind of an object. */
function otherTypeProblem(object: JsonObject, {group, kind}: Resource, version: string): string | undefined {
  const {apiVersion = apiVersionOf(group, version), kind: given = kind} = object;
  if (given === kind && apiVersion === apiVersionOf(group, version)) return undefined;
  const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
  const definition = definitionName(text(apiVersion), text(given));
  if (definition === undefined) {
    return `no kind ${JSON.stringify(text(given))} is registered for version ${JSON.stringify(text(apiVersion))} in scheme "pkg/runtime/scheme.go:111"`;
  }
  try {
    shapeOf(definition)(object);
  } catch (error) {
    if (error instanceof ShapeError) return error.message;
    throw error;
  }
  const from = `${text(apiVersion).split('/').at(-1)}.${text(given)}`;
  return `converting (${from}) to (${group === '' ? 'core' : group.split('.', 1)[0]}.${kind}): unknown conversion`;
}

/** JSON with the members in order where a patch has touched them. */
function shownJson(value: JsonValue, touched: JsonValue | undefined): string {
  if (!isJsonObject(value)) return encodeJson(value);
  const change = isJsonObject(touched) ? touched : {};
  const members: string[] = [];
  for (const key of Object.keys(value).sort()) {
    const inner = value[key];
    if (inner === undefined) continue;
    const isTouched = isJsonObject(inner) && member(change, key) !== undefined;
    const text = isTouched
      ? shownJson(inner, member(change, key))
      : encodeJson(key === 'metadata' ? ordered(inner) : inner);
    members.push(`${JSON.stringify(key)}:${text}`);
  }
  return `{${members.join(',')}}`;
}

const metadataOrder = [
  'name',
  'generateName',
  'namespace',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
];

/** Metadata as Go writes it. */
function ordered(metadata: JsonValue): JsonValue {
  if (!isJsonObject(metadata)) return metadata;
  const first = metadataOrder.filter((key) => metadata[key] !== undefined).map((key) => [key, metadata[key]]);
  return {...(Object.fromEntries(first) as JsonObject), ...metadata};
}
