import {StatusError, statusErrors} from '../errors/status-error.ts';
import {parseAccept} from './media-type.ts';

export type ViewKind = 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';

/** How an answer is written. */
export interface Encoding {
  format: 'json' | 'yaml';
  /** What to send in place of the objects. */
  view: {kind: ViewKind; apiVersion: string} | undefined;
  /** With line breaks and indents. */
  isPretty: boolean;
}

const JSON_TYPE = 'application/json';
const YAML_TYPE = 'application/yaml';
/** As kube-apiserver says it. Answers in protobuf are not given: clients that ask for it also take JSON. */
const accepted = [JSON_TYPE, YAML_TYPE, 'application/vnd.kubernetes.protobuf'];
const streamed = [`${JSON_TYPE};stream=watch`, 'application/vnd.kubernetes.protobuf;stream=watch'];

const views: Readonly<Record<string, ViewKind>> = {
  Table: 'Table',
  PartialObjectMetadata: 'PartialObjectMetadata',
  PartialObjectMetadataList: 'PartialObjectMetadataList',
};
const viewVersions: ReadonlySet<string> = new Set(['v1', 'v1beta1']);

export const plainJson: Encoding = {format: 'json', view: undefined, isPretty: false};

/**
 * Chooses what the client takes best.
 *
 * @param isStream only JSON can be written event by event
 * @returns undefined: nothing of what it takes can be written
 */
export function negotiate(accept: string | undefined, {isStream}: {isStream: boolean}): Encoding | undefined {
  if (accept === undefined || accept.trim() === '') return plainJson;
  for (const {name, parameters} of parseAccept(accept)) {
    const format = formatOf(name);
    if (format === undefined || (isStream && format === 'yaml')) continue;
    const as = parameters.get('as');
    if (as === undefined) return {format, view: undefined, isPretty: parameters.get('pretty') === '1'};
    const kind = Object.hasOwn(views, as) ? views[as] : undefined;
    const version = parameters.get('v') ?? '';
    if (kind === undefined || parameters.get('g') !== 'meta.k8s.io' || !viewVersions.has(version)) continue;
    return {format, view: {kind, apiVersion: `meta.k8s.io/${version}`}, isPretty: false};
  }
  return undefined;
}

function formatOf(name: string): Encoding['format'] | undefined {
  switch (name) {
    case JSON_TYPE:
    case '*/*':
    case 'application/*':
      return 'json';
    case YAML_TYPE:
      return 'yaml';
    default:
      return undefined;
  }
}

export function notAcceptable({isStream}: {isStream: boolean}): StatusError {
  return statusErrors.notAcceptable(isStream ? streamed : accepted);
}

/** What the router of built-in kinds says to a media type that it never heard of. */
export function notAcceptableForRoute({isRead}: {isRead: boolean}): StatusError {
  const types = isRead ? [...accepted, ...streamed] : accepted;
  return new StatusError(
    406,
    'NotAcceptable',
    `406: Not Acceptable\n\nAvailable representations: ${types.join(', ')}`,
    {},
  );
}

/** Whether a route of built-in kinds has anything of what a client takes. */
export function matchesRoute(accept: string | undefined): boolean {
  if (accept === undefined || accept.trim() === '') return true;
  return parseAccept(accept).some(({name}) => name === '*/*' || accepted.includes(name));
}
