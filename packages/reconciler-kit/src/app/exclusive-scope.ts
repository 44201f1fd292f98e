import type {Lease} from 'kubernetes-types/coordination/v1.d.ts';
import type {Client} from '../client.ts';
import type {DeepReadonly} from '../deep-readonly.ts';
import {isNotFound, ReconcilerKitError} from '../errors.ts';
import {kinds} from '../kind.ts';
import type {ManagerOptions} from '../manager.ts';

export interface ExclusiveScopeOptions {
  /** Name of the program. */
  app: string;
  /** Where the Leases of all scopes are, the same for all installations of a cluster. */
  leaseNamespace: string;
  /** The namespace that it works in; absent: all. */
  namespace?: string;
  /** Whose replica this is. */
  installation: string;
  /** Of a Lease: the installation that has its scope. */
  annotation: string;
}

/**
 * Leader election for programs of which a cluster may have several installations, no two of them at work in one namespace.
 *
 * Each scope has a Lease, `APP.cluster` or `APP.namespace.NAMESPACE`, which comes and goes with the installation and has its name in an
 * annotation: replicas elect by it and never make it. A replica stands only if the Lease of its scope is its installation's, and no
 * other installation has an older Lease of a scope that overlaps. Age decides, so that installing another one does not disturb the first.
 */
export function exclusiveScope(options: ExclusiveScopeOptions): NonNullable<ManagerOptions['leaderElection']> {
  return {
    namespace: options.leaseNamespace,
    name: leaseOf(options.app, options.namespace),
    createLease: false,
    mayStand: (client, signal) => checkScope(client, options, signal),
  };
}

const leaseOf = (app: string, namespace: string | undefined): string =>
  namespace === undefined ? `${app}.cluster` : `${app}.namespace.${namespace}`;

async function checkScope(client: Client, options: ExclusiveScopeOptions, signal: AbortSignal): Promise<void> {
  const {app, leaseNamespace, installation, annotation} = options;
  const ownName = leaseOf(app, options.namespace);
  const own = await readLease(client, ownName, leaseNamespace, signal);
  if (own === undefined)
    throw refused(
      `Lease ${leaseNamespace}/${ownName} is missing: it comes with the installation, install or upgrade it`,
    );
  const ownerOf = ({metadata}: DeepReadonly<Lease>): string | undefined => metadata?.annotations?.[annotation];
  if (ownerOf(own) !== installation) throw refused(taken(own, ownerOf(own) ?? 'somebody', options));
  const overlapping = await overlappingLeases(client, options, signal);
  const older = overlapping.find((lease) => ownerOf(lease) !== installation && isOlder(lease, own));
  if (older !== undefined) throw refused(taken(older, ownerOf(older) ?? 'somebody', options));
}

async function overlappingLeases(
  client: Client,
  {app, namespace, leaseNamespace}: ExclusiveScopeOptions,
  signal: AbortSignal,
): Promise<DeepReadonly<Lease>[]> {
  if (namespace !== undefined) {
    const lease = await readLease(client, leaseOf(app, undefined), leaseNamespace, signal);
    return lease === undefined ? [] : [lease];
  }
  const {items} = await client.kind(kinds.Lease).list({namespace: leaseNamespace, signal});
  return items.filter(({metadata}) => metadata?.name?.startsWith(leaseOf(app, '')));
}

async function readLease(
  client: Client,
  name: string,
  namespace: string,
  signal: AbortSignal,
): Promise<DeepReadonly<Lease> | undefined> {
  try {
    return await client.kind(kinds.Lease).get(name, {namespace, signal});
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Times are in whole seconds: of two of one second, any rule will do that both sides know. */
function isOlder(a: DeepReadonly<Lease>, b: DeepReadonly<Lease>): boolean {
  const ageOf = ({metadata}: DeepReadonly<Lease>): string => `${metadata?.creationTimestamp} ${metadata?.uid}`;
  return ageOf(a) < ageOf(b);
}

function taken(
  lease: DeepReadonly<Lease>,
  owner: string,
  {app, namespace, installation}: ExclusiveScopeOptions,
): string {
  const scopeOf = (one: string | undefined): string => (one === undefined ? 'all namespaces' : `namespace ${one}`);
  const {name = '', namespace: leaseNamespace} = lease.metadata ?? {};
  const prefix = leaseOf(app, '');
  const theirs = scopeOf(name.startsWith(prefix) ? name.slice(prefix.length) : undefined);
  return (
    `installation ${owner} works in ${theirs} (Lease ${leaseNamespace}/${name}), so ${installation} must not work in ${scopeOf(namespace)}: ` +
    'give one of them another scope, or uninstall it'
  );
}

function refused(message: string): ReconcilerKitError {
  return new ReconcilerKitError('SCOPE_REFUSED', message, {retryable: true});
}
