import {API_VERSION, GROUP, RUN_KIND, RUNTIME_KIND, RUNTIME_LABEL, VERSION} from '@kruntimes/api-types';
import {type Clock, isApiError, isNotFound, kinds} from '@kruntimes/reconciler-kit';
import type {Connection} from '../connection.ts';
import {type Lookup, lookUp} from '../lookup.ts';
import type {PodState} from '../run-explanation.ts';
import type {CrdState, Installation, LeaseState, Permission, PolicyBindingState, TimedAnswer} from './installation.ts';
import {missingFields} from './schema-fields.ts';

const runs = {group: GROUP, resource: 'runs'};
const runtimes = {group: GROUP, resource: 'runtimes'};
const pods = {group: '', resource: 'pods'};

/** What krt does, and what it needs for it. */
export const permissions: readonly Permission[] = [
  {verb: 'create', ...runs, for: 'krt run'},
  {verb: 'get', ...runs, for: 'krt get, describe, why, result'},
  {verb: 'list', ...runs, for: 'krt get'},
  {verb: 'watch', ...runs, for: 'krt run --wait, krt wait'},
  {verb: 'patch', ...runs, for: 'krt cancel'},
  {verb: 'delete', ...runs, for: 'krt delete'},
  {verb: 'get', ...runtimes, for: 'krt runtime get, krt why'},
  {verb: 'list', ...runtimes, for: 'krt runtime list'},
  {verb: 'use', ...runtimes, for: 'krt run, on every Runtime'},
  {verb: 'get', ...pods, for: 'krt logs'},
  {verb: 'get', ...pods, subresource: 'log', for: 'krt logs'},
  {verb: 'list', ...pods, for: 'krt artifacts get'},
  {verb: 'create', ...pods, subresource: 'portforward', for: 'krt artifacts get'},
];

/** As many requests are timed, one after the other; the first also makes the connection. */
const timedRequests = 4;

/** Looks at everything that `krt doctor` judges. Nothing is written. */
export async function examine(
  connection: Connection,
  {clock, systemNamespace}: {clock: Clock; systemNamespace: string},
): Promise<Installation> {
  const {client, namespace, server} = connection;
  const answers = await timeAnswers(connection, clock);
  const skews = answers.flatMap(({skewMs}) => (skewMs === undefined ? [] : [skewMs]));
  const serverNowMs = clock.now() + (skews.length === 0 ? 0 : skews.reduce((a, b) => a + b) / skews.length);
  const labelled = {namespace, labelSelector: RUNTIME_LABEL, limit: 500};
  const listAll = async <T>(what: string, list: () => Promise<{items: unknown[]}>): Promise<Lookup<readonly T[]>> =>
    await lookUp(what, async () => (await list()).items as T[]);
  const crdOf = async (name: string) => ({
    name,
    crd: await lookUp<CrdState>(
      'get customresourcedefinitions',
      async () => await client.kind(kinds.CustomResourceDefinition).get(name),
    ),
  });
  const [kubernetes, crds, served, missing, allowed, elections, labels, runtimeList, podList, podLeases] =
    await Promise.all([
      lookUp('get /version', async () => {
        const {gitVersion = 'unknown'} = await get<{gitVersion?: string}>(connection, '/version');
        return gitVersion;
      }),
      Promise.all([crdOf(`runs.${GROUP}`), crdOf(`runtimes.${GROUP}`)]),
      servedVersions(connection),
      schemaOf(connection),
      Promise.all(permissions.map(async (permission) => ({permission, allowed: await mayI(connection, permission)}))),
      findElections(connection, systemNamespace),
      lookUp('get namespaces', async () => {
        const {metadata} = await client.kind(kinds.Namespace).get(namespace);
        return metadata?.labels ?? {};
      }),
      lookUp('list runtimes', async () => (await connection.runtimes.list({namespace, limit: 500})).items),
      listAll<PodState>('list pods', () => client.kind(kinds.Pod).list(labelled)),
      listAll<LeaseState>('list leases', () => client.kind(kinds.Lease).list(labelled)),
    ]);
  const [policies, bindings, pendingRuns] = await Promise.all([
    lookUp('list validatingadmissionpolicies', async () => {
      const {items} = await client.kind(kinds.ValidatingAdmissionPolicy).list({limit: 500});
      return items.map(({metadata}) => metadata?.name ?? '');
    }),
    listAll<PolicyBindingState>('list validatingadmissionpolicybindings', () =>
      client.kind(kinds.ValidatingAdmissionPolicyBinding).list({limit: 500}),
    ),
    lookUp(
      'list runs',
      async () => (await connection.runs.list({namespace, fieldSelector: 'status.phase=Pending', limit: 500})).items,
    ),
  ]);
  return {
    server,
    namespace,
    systemNamespace,
    kubernetes,
    answers,
    serverNowMs,
    crds,
    served,
    missingFields: missing,
    permissions: allowed,
    elections,
    namespaceLabels: labels,
    runtimes: runtimeList,
    pods: podList,
    podLeases,
    policies,
    bindings,
    pendingRuns,
  };
}

async function get<T>({client}: Connection, path: string): Promise<T> {
  return await client.transport.request<T>({method: 'GET', path});
}

async function timeAnswers({client}: Connection, clock: Clock): Promise<TimedAnswer[]> {
  const answers: TimedAnswer[] = [];
  for (let i = 0; i < timedRequests; i += 1) {
    const since = clock.monotonic();
    try {
      const answer = await client.transport.stream({method: 'GET', path: '/version'});
      const ms = clock.monotonic() - since;
      const date = Date.parse(answer.headers.date ?? '');
      // The answer was written in the middle of the request, and Date leaves out the fraction of its second.
      const skewMs = Number.isNaN(date) ? undefined : date + 500 - (clock.now() - ms / 2);
      answers.push({status: answer.status, ms, skewMs, fair: 'x-kubernetes-pf-flowschema-uid' in answer.headers});
      for await (const _ of answer.body);
    } catch (error) {
      if (!isApiError(error)) throw error;
      answers.push({status: error.status, ms: clock.monotonic() - since, fair: false});
    }
  }
  // The first one includes the connection, when there are others.
  return answers.length > 1 ? answers.slice(1) : answers;
}

async function servedVersions(connection: Connection): Promise<string[]> {
  try {
    const {versions = []} = await get<{versions?: {version: string}[]}>(connection, `/apis/${GROUP}`);
    return versions.map(({version}) => version);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}

/** The schema that every user may read, unlike the CustomResourceDefinitions. */
async function schemaOf(connection: Connection): Promise<Lookup<string[]>> {
  return await lookUp(`get /openapi/v3/apis/${API_VERSION}`, async () => {
    const document = await get<{components?: {schemas?: Record<string, object>}}>(
      connection,
      `/openapi/v3/apis/${GROUP}/${VERSION}`,
    );
    const {runCrd, runtimeCrd} = await import('@kruntimes/api-types/crds');
    const wanted = {[RUN_KIND]: runCrd, [RUNTIME_KIND]: runtimeCrd};
    return Object.entries(wanted).flatMap(([kind, crd]) => {
      const schema = crd.spec.versions[0]?.schema?.openAPIV3Schema ?? {};
      const present = Object.entries(document.components?.schemas ?? {}).find(([name]) => name.endsWith(`.${kind}`));
      return present === undefined ? [kind] : missingFields(schema, present[1]).map((field) => `${kind}.${field}`);
    });
  });
}

async function mayI(
  {client, namespace}: Connection,
  {verb, group, resource, subresource}: Permission,
): Promise<Lookup<boolean>> {
  return await lookUp('create selfsubjectaccessreviews', async () => {
    const resourceAttributes = {namespace, verb, group, resource, ...(subresource === undefined ? {} : {subresource})};
    const {status} = await client.transport.request<{status?: {allowed?: boolean}}>({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      body: {apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: {resourceAttributes}},
    });
    return status?.allowed ?? false;
  });
}

/** The Leases of leader elections: of all namespaces if they may be listed, else of the one of the control plane. */
async function findElections({client}: Connection, systemNamespace: string): Promise<Lookup<LeaseState[]>> {
  const leases = client.kind(kinds.Lease);
  const all = await lookUp('list leases', async () => {
    const found: LeaseState[] = [];
    for await (const lease of leases.listAll({labelSelector: `!${RUNTIME_LABEL}`})) found.push(lease);
    return found;
  });
  if (all.kind === 'found') return all;
  return await lookUp(`list leases in namespace ${systemNamespace}`, async () => {
    return (await leases.list({namespace: systemNamespace, limit: 500})).items;
  });
}
