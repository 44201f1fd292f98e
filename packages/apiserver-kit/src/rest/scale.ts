import {FieldManager} from '../apply/field-manager.ts';
import {parentManagedFields, type ReplicasPaths, scaleManagedFields} from '../apply/scale-fields.ts';
import {builtinSchema} from '../builtin/definitions.ts';
import {shapeOf} from '../builtin/go-shape.ts';
import {valueAt} from '../crd/simple-path.ts';
import {fieldErrors} from '../errors/field-error.ts';
import {type StatusError, statusErrors} from '../errors/status-error.ts';
import {isTrue} from '../http/request-info.ts';
import {cloneJson, isJsonObject, type JsonObject, type JsonValue, member, setMember} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject, type ManagedFieldsEntry} from '../kube-object.ts';
import type {RequestContext} from '../registry/request-context.ts';
import type {Resource, ScaleSubresource} from '../registry/resource.ts';
import {checkNamespace} from './create.ts';
import {decodeBody, shaped} from './decode-body.ts';
import {decodePatch, invalidPatch, type Patch, patched, patchType} from './patch.ts';
import {checkWriteOptions} from './query-options.ts';
import {requestOptions} from './request-options.ts';
import type {RestAnswer} from './rest-answer.ts';
import type {StoreRequest} from './rest-request.ts';
import {checkName} from './update.ts';

const SCALE = {group: 'autoscaling', version: 'v1', kind: 'Scale', custom: false};
const DEFINITION = 'io.k8s.api.autoscaling.v1.Scale';
const APPLY = 'application/apply-patch+yaml';
const shapeOfScale = shapeOf(DEFINITION);

/** Made when the first scale is written: schemas take a while. */
let scaleFields: FieldManager | undefined;

function fieldsOfScale(): FieldManager {
  const empty = shapeOfScale({});
  return (scaleFields ??= new FieldManager({
    kind: SCALE.kind,
    custom: false,
    version: (apiVersion) => (apiVersion === 'autoscaling/v1' ? {schema: builtinSchema(DEFINITION)} : undefined),
    ...(isJsonObject(empty) && {empty}),
  }));
}

/** Of the fields of a scale. */
function fieldContext({fieldManager: manager}: RequestContext): {
  manager: string;
  subresource: string;
  apiVersion: string;
  time: Date;
} {
  return {manager, subresource: 'scale', apiVersion: 'autoscaling/v1', time: new Date()};
}

function replicasPaths({group, versions}: Resource): ReplicasPaths {
  return new Map(
    versions.map(({name, subresources}) => [apiVersionOf(group, name), subresources.scale?.specReplicasPath]),
  );
}

function shape(value: JsonObject, unknown: (sentence: string) => void): KubeObject {
  const onUnknown = (path: string): void => unknown(`unknown field ${JSON.stringify(path)}`);
  return shapeOfScale(value, onUnknown) as KubeObject;
}

/** The number of replicas of an object, seen as a `Scale`. @see https://kubernetes.io/docs/reference/kubernetes-api/autoscaling-resources/ */
export async function getScale({store, context}: StoreRequest, paths: ScaleSubresource): Promise<RestAnswer> {
  await store.cache.fresh();
  const {object} = store.get(context, context.name);
  return {$case: 'object', code: 200, object: scaleOf(object, paths)};
}

export async function updateScale(request: StoreRequest, paths: ScaleSubresource): Promise<RestAnswer> {
  const {info, context, found} = request;
  checkWriteOptions('UpdateOptions', info.query);
  const scale = await decodeBody(request, SCALE, shape);
  checkName(scale.metadata.name ?? '', context.name);
  checkNamespace(scale, context.namespace, found.resource.namespaced);
  const options = requestOptions('UpdateOptions', info.query);
  return await write(request, paths, options, (live) =>
    fieldsOfScale().updated({live, next: scale, context: fieldContext(context)}),
  );
}

export async function patchScale(request: StoreRequest, paths: ScaleSubresource): Promise<RestAnswer> {
  const {info, context} = request;
  const type = patchType(request);
  checkWriteOptions('PatchOptions', info.query, type === APPLY);
  const decoded: Patch = decodePatch(type, await request.body(), context.fieldValidation);
  const options = requestOptions('PatchOptions', info.query);
  if (type === APPLY) {
    const applied = decoded.value as KubeObject;
    const force = isTrue(info.query.get('force'));
    return await write(request, paths, options, (live) => {
      const merged = fieldsOfScale().apply({...fieldContext(context), live, applied, force});
      return shaped(context, merged, decoded.problems, shape, (why) => invalidPatch(merged, decoded, why));
    });
  }
  return await write(request, paths, options, (live) => {
    const object = patched(live, decoded, undefined, context);
    const next = shaped(context, object, decoded.problems, shape, (why) => invalidPatch(object, decoded, why));
    return fieldsOfScale().updated({live, next, context: fieldContext(context)});
  });
}

async function write(
  request: StoreRequest,
  paths: ScaleSubresource,
  options: KubeObject,
  change: (current: KubeObject) => KubeObject,
): Promise<RestAnswer> {
  const {store, context, found} = request;
  const replicasIn = replicasPaths(found.resource);
  const {object} = await store.update(
    context,
    context.name,
    (current) => {
      const parent = current.metadata.managedFields;
      const scale = change(withManagedFields(scaleOf(current, paths), scaleManagedFields(parent, replicasIn)));
      const {name = '', resourceVersion} = scale.metadata;
      checkName(name, context.name);
      const next = cloneJson(current);
      const {replicas = 0} = (scale['spec'] ?? {}) as {replicas?: number};
      if (replicas < 0 && !request.found.resource.custom) throw negative(name, replicas);
      setAt(next, paths.specReplicasPath, replicas);
      if (resourceVersion !== undefined && resourceVersion !== '') next.metadata.resourceVersion = resourceVersion;
      const {apiVersion} = current;
      const ofScale = scale.metadata.managedFields;
      return withManagedFields(next, parentManagedFields({parent, scale: ofScale, apiVersion, paths: replicasIn}));
    },
    {isShaped: true, keepManagedFields: true, options},
  );
  return {$case: 'object', code: 200, object: scaleOf(object.object, paths)};
}

function withManagedFields(object: KubeObject, managedFields: ManagedFieldsEntry[] | undefined): KubeObject {
  const {managedFields: _, ...metadata} = object.metadata;
  return {...object, metadata: {...metadata, ...(managedFields && {managedFields})}};
}

function negative(name: string, replicas: number): StatusError {
  return statusErrors.invalid({group: SCALE.group, name: SCALE.kind}, name, [
    fieldErrors.invalid('spec.replicas', replicas, 'must be greater than or equal to 0'),
  ]);
}

function scaleOf(object: KubeObject, paths: ScaleSubresource): KubeObject {
  const {name, namespace, uid, resourceVersion, creationTimestamp} = object.metadata;
  const number = (path: string): number => {
    const value = valueAt(object, path);
    return typeof value === 'number' ? value : 0;
  };
  const selector =
    paths.labelSelectorPath === undefined ? undefined : selectorText(valueAt(object, paths.labelSelectorPath));
  const replicas = number(paths.specReplicasPath);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      ...(name !== undefined && {name}),
      ...(namespace !== undefined && {namespace}),
      ...(uid !== undefined && {uid}),
      ...(resourceVersion !== undefined && {resourceVersion}),
      ...(creationTimestamp !== undefined && {creationTimestamp}),
    },
    spec: replicas === 0 ? {} : {replicas},
    status: {
      replicas: number(paths.statusReplicasPath),
      ...(selector !== undefined && selector !== '' && {selector}),
    },
  };
}

/** Of a custom kind it is a text; a built-in one has an object there. */
function selectorText(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'string') return value;
  if (!isJsonObject(value)) return undefined;
  const labels = isJsonObject(value['matchLabels']) ? value['matchLabels'] : {};
  const terms = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${textOf(labels[key])}`);
  for (const expression of Array.isArray(value['matchExpressions']) ? value['matchExpressions'] : []) {
    if (isJsonObject(expression)) terms.push(termOf(expression));
  }
  return terms.join(',');
}

function termOf({key, operator, values}: JsonObject): string {
  const list = Array.isArray(values) ? values.map(textOf).sort().join(',') : '';
  const name = textOf(key);
  switch (operator) {
    case 'In':
      return `${name} in (${list})`;
    case 'NotIn':
      return `${name} notin (${list})`;
    case 'DoesNotExist':
      return `!${name}`;
    default:
      return name;
  }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** @throws StatusError where something else than an object is on the way */
function setAt(object: JsonObject, path: string, value: JsonValue): void {
  const names = path.replace(/^\./, '').split('.');
  const last = names.pop()!;
  let target = object;
  for (const name of names) {
    let inner = member(target, name);
    if (inner === undefined || inner === null) {
      inner = {};
      setMember(target, name, inner);
    }
    if (!isJsonObject(inner))
      throw statusErrors.internal(new Error(`${path} leads through something that is no object`));
    target = inner;
  }
  setMember(target, last, value);
}
