/** What a request asks for, as far as its method and path tell. */
export type RequestInfo = ResourceRequest | PathRequest;

/** A request for a resource. */
export interface ResourceRequest {
  $case: 'resource';
  /** get, list, watch, create, update, patch, delete, deletecollection; else the method in lower case. */
  verb: string;
  path: string;
  query: URLSearchParams;
  group: string;
  version: string;
  resource: string;
  /** Empty: the resource itself. */
  subresource: string;
  namespace: string;
  name: string;
  /** Segments behind the subresource. */
  rest: readonly string[];
}

/** A request for anything else. */
export interface PathRequest {
  $case: 'path';
  /** The method in lower case. */
  verb: string;
  path: string;
  query: URLSearchParams;
}

const verbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

/** @param target of the request line: path and query */
export function parseRequest(method: string, target: string): RequestInfo {
  const mark = target.indexOf('?');
  const rawPath = mark === -1 ? target : target.slice(0, mark);
  const query = new URLSearchParams(mark === -1 ? '' : target.slice(mark + 1));
  const path = decode(rawPath);
  const other: PathRequest = {$case: 'path', verb: method.toLowerCase(), path, query};
  const segments = path.replace(/^\//, '').replace(/\/$/, '').split('/');
  const [root, ...behind] = segments;
  const parts = behind;
  let group = '';
  if (root === 'apis') group = parts.shift() ?? '';
  else if (root !== 'api') return other;
  const version = parts.shift();
  if (version === undefined || parts.length === 0 || (root === 'apis' && group === '')) return other;
  let verb = (Object.hasOwn(verbs, method) ? verbs[method] : undefined) ?? method.toLowerCase();
  const isWatchPath = parts[0] === 'watch' && parts.length > 1;
  if (isWatchPath) parts.shift();
  let namespace = '';
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1]!;
    if (parts.length > 2 && !namespaceSubresources.has(parts[2]!)) parts.splice(0, 2);
  }
  const [resource = '', name = '', subresource = '', ...rest] = parts;
  if (isWatchPath) verb = 'watch';
  else if (name === '' && verb === 'get') verb = isTrue(query.get('watch')) ? 'watch' : 'list';
  else if (name === '' && verb === 'delete') verb = 'deletecollection';
  return {
    $case: 'resource',
    verb,
    path,
    query,
    group,
    version,
    resource,
    subresource,
    // A Namespace is in itself.
    namespace,
    name,
    rest,
  };
}

/** As Go's conversion of query parameters has it: what is there is true, unless it says that it is not. */
export function isTrue(text: string | null): boolean {
  return text !== null && text !== 'false' && text !== '0';
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
