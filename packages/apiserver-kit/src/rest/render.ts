import {stringify} from 'yaml';
import type {CachedObject} from '../cache/resource-cache.ts';
import {StatusError} from '../errors/status-error.ts';
import type {Encoding} from '../http/negotiation.ts';
import {prettyJson} from '../http/pretty-json.ts';
import {decodeJson} from '../json/decode-json.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {JsonObject, JsonValue} from '../json/json-value.ts';
import {apiVersionOf, type KubeObject} from '../kube-object.ts';
import type {FoundResource} from '../registry/registry.ts';
import {toPartialObjectMetadata, toPartialObjectMetadataList} from '../table/partial-object-metadata.ts';
import {parseIncludeObject, toTable, toTableOfOne} from '../table/table.ts';
import type {ListMeta, RestAnswer} from './rest-answer.ts';

/** The text of an answer, as the client wants it, in parts that are made when they are asked for. @throws StatusError where it cannot be had so */
export function renderAnswer(
  answer: Exclude<RestAnswer, {$case: 'done' | 'connected'}>,
  found: FoundResource,
  encoding: Encoding,
  query: URLSearchParams,
): Iterable<string> {
  if (encoding.view !== undefined && answer.$case !== 'object')
    return [formatted(encodeJson(viewOf(answer, found, encoding.view, query)), encoding)];
  const parts = jsonOf(answer, found);
  const isPlain = encoding.format !== 'yaml' && !encoding.isPretty;
  return isPlain ? parts : [formatted([...parts].join(''), encoding)];
}

/** JSON in the format that the client wants. */
export function formatted(json: string, {format, isPretty}: Encoding): string {
  if (format === 'yaml') return toYaml(decodeJson(json).value);
  return isPretty ? prettyJson(json) : json;
}

function jsonOf(answer: Exclude<RestAnswer, {$case: 'done' | 'connected'}>, found: FoundResource): Iterable<string> {
  const {resource, version} = found;
  const apiVersion = apiVersionOf(resource.group, version.name);
  switch (answer.$case) {
    case 'stored':
      return [answer.object.jsonAs(apiVersion)];
    case 'object':
      return [encodeJson(answer.object)];
    case 'list':
      return listParts(answer.items, answer.metadata, found, apiVersion);
  }
}

function* listParts(
  items: readonly CachedObject[],
  metadata: ListMeta,
  {resource}: FoundResource,
  apiVersion: string,
): Generator<string, void, undefined> {
  const kind = encodeJson(resource.listKind);
  const version = encodeJson(apiVersion);
  if (resource.custom) {
    yield `{"apiVersion":${version},"items":[`;
    yield* separated(items, (item) => item.jsonAs(apiVersion));
    yield `],"kind":${kind},"metadata":${encodeJson({continue: '', ...metadata})}}`;
    return;
  }
  // Items of a list of a built-in kind do not say of what kind they are.
  const head = `{"apiVersion":${version},"kind":${encodeJson(resource.kind)},`;
  yield `{"kind":${kind},"apiVersion":${version},"metadata":${encodeJson({...metadata})},"items":[`;
  yield* separated(items, (item) => {
    const text = item.jsonAs(apiVersion);
    return text.startsWith(head) ? `{${text.slice(head.length)}` : text;
  });
  yield ']}';
}

function* separated(
  items: readonly CachedObject[],
  textOf: (item: CachedObject) => string,
): Generator<string, void, undefined> {
  let isFirst = true;
  for (const item of items) {
    yield isFirst ? textOf(item) : `,${textOf(item)}`;
    isFirst = false;
  }
}

function viewOf(
  answer: Extract<RestAnswer, {$case: 'stored' | 'list'}>,
  {resource, version}: FoundResource,
  {kind, apiVersion}: NonNullable<Encoding['view']>,
  query: URLSearchParams,
): JsonObject {
  const shown = apiVersionOf(resource.group, version.name);
  const inVersion = (object: KubeObject): KubeObject =>
    object.apiVersion === shown ? object : {...object, apiVersion: shown};
  const tableOptions = () => ({
    layout: version.table,
    apiVersion,
    includeObject: parseIncludeObject(query.get('includeObject')),
    now: new Date(),
  });
  if (answer.$case === 'stored') {
    const object = inVersion(answer.object.object);
    if (kind === 'Table') return toTableOfOne(object, tableOptions());
    if (kind === 'PartialObjectMetadata') return toPartialObjectMetadata(object, apiVersion);
    throw resource.custom
      ? new StatusError(500, '', 'content is not a list')
      : notAcceptableView(kind, `is not a list (*${goPackage(resource.group)}.${resource.kind})`);
  }
  const objects = answer.items.map(({object}) => inVersion(object));
  if (kind === 'Table') return toTable(objects, {...answer.metadata}, tableOptions());
  if (kind === 'PartialObjectMetadataList') {
    return toPartialObjectMetadataList(objects, {...answer.metadata}, apiVersion);
  }
  const type = resource.custom
    ? '*unstructured.UnstructuredList'
    : `*${goPackage(resource.group)}.${resource.listKind}`;
  throw notAcceptableView(kind, `is a list (${type})`);
}

function notAcceptableView(kind: string, what: string): StatusError {
  return new StatusError(406, 'NotAcceptable', `you requested ${kind}, but the requested object ${what}`);
}

/** Where Kubernetes has its types of a group. */
function goPackage(group: string): string {
  return group === '' ? 'core' : group.split('.', 1)[0]!;
}

function toYaml(value: JsonValue): string {
  return stringify(value, {
    lineWidth: 0,
    version: '1.1',
    indentSeq: false,
    aliasDuplicateObjects: false,
    sortMapEntries: true,
  });
}
