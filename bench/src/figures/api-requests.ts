/** Requests by `verb resource`, as `create runs`; with ` refused` at the end where the answer was an error. */
export type RequestCounts = Record<string, number>;

/** Names of the API, by what servers call them. */
const verbs: Record<string, string> = {
  POST: 'create',
  CREATE: 'create',
  PUT: 'update',
  UPDATE: 'update',
  PATCH: 'patch',
  APPLY: 'patch',
  DELETE: 'delete',
  DELETECOLLECTION: 'deletecollection',
  GET: 'get',
  LIST: 'list',
  WATCH: 'watch',
  WATCHLIST: 'watch',
};

/** `apiserver_request_total` of a `/metrics` page, without what is no resource. Dry runs do not count. */
export function requestCounts(page: string): RequestCounts {
  const counts: RequestCounts = {};
  for (const line of page.split('\n')) {
    const match = /^apiserver_request_total\{(.*)\} (\S+)$/.exec(line);
    if (match === null) continue;
    const labels = Object.fromEntries(
      [...match[1]!.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    const {verb = '', resource = '', group = '', code = '', dry_run: dryRun = ''} = labels;
    if (resource === '' || dryRun !== '') continue;
    const name = `${verbs[verb] ?? verb.toLowerCase()} ${resource}${groupSuffix(group)}${code < '300' ? '' : ' refused'}`;
    counts[name] = (counts[name] ?? 0) + Number(match[2]);
  }
  return counts;
}

/** Of kinds that are there twice. */
function groupSuffix(group: string): string {
  return group.startsWith('relay.') ? '.relay' : '';
}

/** What came since; without what did not change. */
export function requestsBetween(before: RequestCounts, after: RequestCounts): RequestCounts {
  const changed = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(changed.filter(([, count]) => count !== 0).toSorted());
}

const writes = /^(create|update|patch|delete|deletecollection) /;

/** Writes of one resource that were carried out. */
export function writesOf(counts: RequestCounts, resource: string): number {
  return Object.entries(counts)
    .filter(([name]) => writes.test(name) && name.split(' ').slice(1).join(' ') === resource)
    .reduce((sum, [, count]) => sum + count, 0);
}
