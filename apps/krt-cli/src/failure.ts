import {API_VERSION, GROUP} from '@kruntimes/api-types';
import {type ApiError, isApiError, ReconcilerKitError} from '@kruntimes/reconciler-kit';
import {closestNames} from './closest-names.ts';
import type {Connection} from './connection.ts';
import {KrtError} from './krt-error.ts';

/** What a command tried to do, so that a failure can be said in its terms. */
export interface Attempted {
  kind: 'Run' | 'Runtime';
  name?: string | undefined;
  namespace?: string | undefined;
}

/**
 * The error to show for whatever a command threw while it talked to the cluster: one sentence, and what to do about it.
 * Suggestions may cost one more request; if that fails too, there is no suggestion.
 */
export async function explainFailure(error: unknown, connection: Connection, attempted?: Attempted): Promise<unknown> {
  if (error instanceof KrtError) return error;
  if (error instanceof ReconcilerKitError) return explainConnection(error, connection);
  if (!isApiError(error)) return error;
  switch (error.status) {
    case 401:
      return new KrtError('UNAUTHORIZED', `${connection.server} does not accept your credentials`, {
        hint: 'log in again, or choose another identity with --context, --kubeconfig or --token',
        cause: error,
      });
    case 403:
      return explainForbidden(error);
    case 404:
      return await explainNotFound(error, connection, attempted);
    case 409:
      return explainConflict(error, attempted);
    case 422:
    case 400:
      return new KrtError(
        'INVALID',
        `the cluster rejected the ${attempted?.kind ?? 'request'}: ${oneLine(messageOf(error))}`,
        {
          cause: error,
        },
      );
    default:
      return new KrtError('API', `the API server answered ${error.status}: ${oneLine(messageOf(error))}`, {
        retryable: error.retryable,
        ...(error.retryable ? {hint: 'try again in a moment'} : {}),
        cause: error,
      });
  }
}

function explainConnection(error: ReconcilerKitError, connection: Connection): KrtError {
  return new KrtError('UNREACHABLE', `cannot reach the API server ${connection.server}: ${reasonOf(error)}`, {
    hint: '--context, --kubeconfig or --server choose another one',
    retryable: error.retryable,
    cause: error,
  });
}

/** The transport's words, without the request and the server that are named already. */
function reasonOf(error: ReconcilerKitError): string {
  return oneLine(error.message.replace(/^[A-Z]+ \S+: (no answer from \S+: )?/, ''));
}

const forbidden =
  /User "(?<user>[^"]*)" cannot (?<verb>\w+) resource "(?<resource>[^"]+)" in API group "(?<group>[^"]*)"(?: in the namespace "(?<namespace>[^"]+)"|(?<cluster> at the cluster scope))?/;

function explainForbidden(error: ApiError): KrtError {
  const match = forbidden.exec(error.message)?.groups;
  if (!match) return new KrtError('FORBIDDEN', `the cluster refused: ${oneLine(messageOf(error))}`, {cause: error});
  const resource = match.group ? `${match.resource}.${match.group}` : match.resource;
  const where = match.namespace ? ` in namespace "${match.namespace}"` : match.cluster ? ' in all namespaces' : '';
  // Which of the two is asked for depends on the version of the API server.
  const verbs = match.resource === 'pods/portforward' ? '"get", "create"' : `"${match.verb}"`;
  return new KrtError('FORBIDDEN', `user "${match.user}" may not ${match.verb} ${resource}${where}`, {
    hint: `ask for a Role with verbs: [${verbs}], apiGroups: ["${match.group}"], resources: ["${match.resource}"]`,
    cause: error,
  });
}

async function explainNotFound(
  error: ApiError,
  connection: Connection,
  attempted: Attempted | undefined,
): Promise<KrtError> {
  const {details} = error;
  const namespace = attempted?.namespace ?? connection.namespace;
  if (details?.kind === 'namespaces') {
    return new KrtError('NOT_FOUND', `there is no namespace "${details.name ?? namespace}"`, {
      hint: 'kubectl get namespaces shows what there is',
      cause: error,
    });
  }
  const ours = details?.group === GROUP && details.name;
  if (ours && attempted) return await notFound(attempted.kind, details.name ?? '', namespace, connection, error);
  if (details?.kind === 'pods') {
    return new KrtError(
      'NOT_FOUND',
      `Pod "${details.name ?? ''}" does not exist any more in namespace "${namespace}"`,
      {cause: error},
    );
  }
  // Without details of an object it is the kind that the server does not know.
  return new KrtError(
    'NOT_INSTALLED',
    `the cluster at ${connection.server} does not know ${API_VERSION}: kruntimes is not installed there`,
    {
      hint: 'install it (https://github.com/kruntimes/kruntimes#readme) or choose another cluster with --context',
      cause: error,
    },
  );
}

/** The error for an object that is not there, with names that may have been meant. */
export async function notFound(
  kind: 'Run' | 'Runtime',
  name: string,
  namespace: string,
  connection: Connection,
  cause?: unknown,
): Promise<KrtError> {
  const close = await closeNames(kind, name, namespace, connection);
  // kubectl wants the kind before the names; krt get takes Runs alone.
  const meansRuntimes = kind === 'Run' && /^(runtimes?|rt)$/.test(name);
  const command = kind === 'Run' && !meansRuntimes ? 'krt get' : 'krt runtime list';
  return new KrtError('NOT_FOUND', `${kind} "${name}" does not exist in namespace "${namespace}"`, {
    hint:
      close.length > 0 && !meansRuntimes
        ? `did you mean ${orList(close)}?`
        : `${command} -n ${namespace} shows ${meansRuntimes ? 'Runtimes' : 'what there is'}`,
    cause,
  });
}

async function closeNames(
  kind: 'Run' | 'Runtime',
  name: string,
  namespace: string,
  connection: Connection,
): Promise<string[]> {
  const options = {namespace, metadataOnly: true, limit: 500};
  try {
    const list = await (kind === 'Run' ? connection.runs.list(options) : connection.runtimes.list(options));
    return closestNames(
      name,
      list.items.map((item) => item.metadata?.name ?? ''),
    );
  } catch {
    return [];
  }
}

function explainConflict(error: ApiError, attempted: Attempted | undefined): KrtError {
  if (error.reason === 'AlreadyExists') {
    const name = attempted?.name ?? error.details?.name ?? '';
    return new KrtError('ALREADY_EXISTS', `Run "${name}" exists already`, {
      hint: `choose another --name, use --generate-name, or first: krt delete ${name}`,
      cause: error,
    });
  }
  return new KrtError('CONFLICT', oneLine(messageOf(error)), {hint: 'try again', retryable: true, cause: error});
}

/** What the server adds to every violation of a schema; it tells nothing about the object. */
const rulesNotChecked =
  /, <nil>: Invalid value: (?:null|"null"): some validation rules were not checked because the object was invalid; correct the existing errors to complete validation/;

/** The server's own words, without the request that the transport puts before them. */
function messageOf(error: ApiError): string {
  return error.message.replace(/^(GET|POST|PUT|PATCH|DELETE) \S+: /, '').replace(rulesNotChecked, '');
}

function oneLine(text: string): string {
  return text.replace(/\s*\n\s*/g, ' ').trim();
}

function orList(names: readonly string[]): string {
  const quoted = names.map((name) => `"${name}"`);
  const last = quoted.pop() ?? '';
  return quoted.length > 0 ? `${quoted.join(', ')} or ${last}` : last;
}
