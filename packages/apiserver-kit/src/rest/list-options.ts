import {type FieldError, fieldErrors} from '../errors/field-error.ts';
import {StatusError, statusErrors} from '../errors/status-error.ts';
import {isTrue} from '../http/request-info.ts';

/** @see https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions */
export interface ListOptions {
  labelSelector: string;
  fieldSelector: string;
  /** Empty: the newest there is. */
  resourceVersion: string;
  resourceVersionMatch: '' | 'Exact' | 'NotOlderThan';
  /** 0: no limit. */
  limit: number;
  continue: string;
  timeoutSeconds: number | undefined;
  allowWatchBookmarks: boolean;
  sendInitialEvents: boolean | undefined;
}

/** @throws StatusError 400, 422 */
export function parseListOptions(
  query: URLSearchParams,
  {isWatch, watchList = true}: {isWatch: boolean; watchList?: boolean},
): ListOptions {
  const text = (name: string): string => query.get(name) ?? '';
  const sendInitialEvents = query.get('sendInitialEvents');
  const options = {
    labelSelector: text('labelSelector'),
    fieldSelector: text('fieldSelector'),
    resourceVersion: text('resourceVersion'),
    resourceVersionMatch: text('resourceVersionMatch'),
    limit: integer(query.get('limit')) ?? 0,
    continue: text('continue'),
    timeoutSeconds: integer(query.get('timeoutSeconds')),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: sendInitialEvents === null ? undefined : isTrue(sendInitialEvents),
  };
  const errors = isWatch ? watchErrors(options, watchList) : listErrors(options);
  if (errors.length > 0) throw statusErrors.invalid({group: 'meta.k8s.io', name: 'ListOptions'}, '', errors);
  return options as ListOptions;
}

type UncheckedOptions = Omit<ListOptions, 'resourceVersionMatch'> & {resourceVersionMatch: string};

function listErrors(options: UncheckedOptions): FieldError[] {
  const {sendInitialEvents, resourceVersion, resourceVersionMatch, continue: token} = options;
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined) {
    errors.push(fieldErrors.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  if (resourceVersionMatch === '') return errors;
  const forbidden = (what: string): void => {
    errors.push(fieldErrors.forbidden('resourceVersionMatch', what));
  };
  if (resourceVersion === '') forbidden('resourceVersionMatch is forbidden unless resourceVersion is provided');
  if (token !== '') forbidden('resourceVersionMatch is forbidden when continue is provided');
  if (resourceVersionMatch !== 'Exact' && resourceVersionMatch !== 'NotOlderThan') {
    errors.push(fieldErrors.notSupported('resourceVersionMatch', resourceVersionMatch, ['Exact', 'NotOlderThan', '']));
  }
  if (resourceVersionMatch === 'Exact' && resourceVersion === '0') {
    forbidden('resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
  }
  return errors;
}

function watchErrors(options: UncheckedOptions, watchList: boolean): FieldError[] {
  const {sendInitialEvents, resourceVersionMatch} = options;
  const errors: FieldError[] = [];
  const forbidden = (what: string): void => {
    errors.push(fieldErrors.forbidden('resourceVersionMatch', what));
  };
  if (sendInitialEvents === undefined) {
    if (options.continue !== '') forbidden('resourceVersionMatch is forbidden when continue is provided');
    if (resourceVersionMatch !== '') {
      forbidden('resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided');
    }
    return errors;
  }
  if (!watchList) {
    errors.push(
      fieldErrors.forbidden(
        'sendInitialEvents',
        'sendInitialEvents is forbidden for watch unless the WatchList feature gate is enabled',
      ),
    );
  }
  if (resourceVersionMatch !== 'NotOlderThan') {
    forbidden('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    if (resourceVersionMatch !== '') {
      errors.push(fieldErrors.notSupported('resourceVersionMatch', resourceVersionMatch, ['NotOlderThan']));
    }
  }
  if (options.continue !== '') {
    errors.push(fieldErrors.forbidden('continue', 'continue is forbidden when sendInitialEvents is provided'));
  }
  return errors;
}

/** @throws StatusError 400 */
function integer(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) {
    throw statusErrors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const value = BigInt(text.replace(/^\+/, ''));
  if (BigInt.asIntN(64, value) !== value) {
    throw statusErrors.badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return Number(value);
}

/**
 * The number that a resourceVersion is.
 *
 * @throws StatusError of a text that is none: 400 for a list, 500 for a get and a watch, as in Kubernetes
 */
export function parseResourceVersion(text: string, {isList}: {isList: boolean}): number {
  const fail = (why: string): never => {
    const message = `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`;
    throw isList ? statusErrors.badRequest(`invalid resource version: ${message}`) : new StatusError(500, '', message);
  };
  if (!/^\d+$/.test(text)) return fail('invalid syntax');
  if (BigInt.asUintN(64, BigInt(text)) !== BigInt(text)) return fail('value out of range');
  return Number(text);
}
