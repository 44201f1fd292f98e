import {readFile} from 'node:fs/promises';
import {afterAll, beforeAll, describe, expect, test} from '@jest/globals';
import {API_VERSION, GROUP, type Run} from '@kruntimes/api-types';
import {Client, isApiError, isForbidden, kinds, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlaneAccess, sharedControlPlane} from '@kruntimes/reconciler-kit/testing';
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from 'kubernetes-types/admissionregistration/v1.d.ts';
import type {Role} from 'kubernetes-types/rbac/v1.d.ts';
import {parse, parseAllDocuments} from 'yaml';
import {installKinds} from './cluster-objects.ts';

const ENFORCED_ATTEMPTS = 600;
const ENFORCED_INTERVAL_MS = 50;

let controlPlane: ControlPlaneAccess;
let client: Client;
let namespace: string;
/** Of the policy and its binding: other suites share the API server. */
let policy: string;
const transports: Transport[] = [];

beforeAll(async () => {
  controlPlane = await sharedControlPlane();
  client = new Client(new Transport(controlPlane.config));
  await installKinds(client);
  namespace = await controlPlane.createNamespace();
  policy = `use-${namespace}`;
  await installPolicy();
  await grant('nobody', []);
  await enforced();
}, 120_000);
afterAll(async () => {
  await Promise.all(transports.map((transport) => transport.close()));
  await client.kind(kinds.ValidatingAdmissionPolicyBinding).delete({name: policy});
  await client.kind(kinds.ValidatingAdmissionPolicy).delete({name: policy});
  await client.transport.close();
});

/** As the chart has it, for the namespace of this suite. */
async function installPolicy(): Promise<void> {
  const file = new URL('../../../../charts/kruntimes/files/admission/run-create.yaml', import.meta.url);
  const text = await readFile(file, 'utf8');
  const [definition, binding] = parseAllDocuments(text).map((document) => document.toJS()) as [
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
  ];
  await client.kind(kinds.ValidatingAdmissionPolicy).create({...definition, metadata: {name: policy}});
  const namespaceSelector = {matchLabels: {'kubernetes.io/metadata.name': namespace}};
  await client.kind(kinds.ValidatingAdmissionPolicyBinding).create({
    ...binding,
    metadata: {name: policy},
    spec: {...binding.spec, policyName: policy, matchResources: {namespaceSelector}},
  });
}

const userOf = (name: string): string => `${name}-of-${namespace}`;

/** A user who may do in the namespace what the rules say. */
async function grant(name: string, rules: NonNullable<Role['rules']>): Promise<void> {
  await client.kind(kinds.Role).create({metadata: {name, namespace}, rules});
  await client.kind(kinds.RoleBinding).create({
    metadata: {name, namespace},
    roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name},
    subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: userOf(name)}],
  });
  // Nothing tells when the authorizer has heard of it.
  const [first] = rules;
  if (first !== undefined) await untilAllowed(name, first.verbs[0] ?? '', first.resources?.[0] ?? '', true);
}

function as(name: string, groups: string[] = []): Transport {
  const transport = new Transport(controlPlane.userConfig({user: userOf(name), groups}));
  transports.push(transport);
  return transport;
}

const createRuns = {apiGroups: [GROUP], resources: ['runs'], verbs: ['create']};
const use = (...resourceNames: string[]): object => ({
  apiGroups: [GROUP],
  resources: ['runtimes'],
  verbs: ['use'],
  ...(resourceNames.length > 0 && {resourceNames}),
});

/** The message of the refusal; `undefined` when the Run was created. */
async function refusal(transport: Transport, runtime: string): Promise<string | undefined> {
  try {
    await transport.request<Run>({
      method: 'POST',
      path: `/apis/${API_VERSION}/namespaces/${namespace}/runs`,
      body: {
        apiVersion: API_VERSION,
        kind: 'Run',
        metadata: {generateName: 'run-', namespace},
        spec: {runtime, source: {inline: 'true'}},
      },
    });
    return undefined;
  } catch (error) {
    if (isApiError(error) && isForbidden(error)) return error.message;
    throw error;
  }
}

/** What `kubectl auth can-i` asks. */
async function mayDo(name: string, verb: string, resource: string, resourceName?: string): Promise<boolean> {
  const resourceAttributes = {namespace, verb, group: GROUP, resource, name: resourceName};
  const {status} = await client.transport.request<{status: {allowed: boolean}}>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: {user: userOf(name), resourceAttributes},
    },
  });
  return status.allowed;
}

async function untilAllowed(name: string, verb: string, resource: string, allowed: boolean): Promise<void> {
  for (let attempt = 0; attempt < ENFORCED_ATTEMPTS; attempt++) {
    if ((await mayDo(name, verb, resource)) === allowed) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    setTimeout(resolve, ENFORCED_INTERVAL_MS);
    await promise;
  }
  throw new Error(`${name} ${allowed ? 'may not' : 'may'} ${verb} ${resource}`);
}

/** Nothing tells when the API server begins to enforce a policy. */
async function enforced(): Promise<void> {
  await grant('probe', [createRuns]);
  const probe = as('probe');
  for (let attempt = 0; attempt < ENFORCED_ATTEMPTS; attempt++) {
    if ((await refusal(probe, 'probe'))?.includes(policy)) return;
    const {promise, resolve} = Promise.withResolvers<void>();
    setTimeout(resolve, ENFORCED_INTERVAL_MS);
    await promise;
  }
  throw new Error('the policy is not enforced');
}

describe('the verb use', () => {
  test('is needed to create a Run, and the refusal says what to ask for', async () => {
    await grant('creator', [createRuns]);
    expect(await mayDo('creator', 'use', 'runtimes', 'bash')).toBe(false);
    expect(await refusal(as('creator'), 'bash')).toContain(
      `user "${userOf('creator')}" may not use Runtime "bash" in namespace "${namespace}": ask an administrator for a Role there that allows the verb "use" on runtimes of group kruntimes.io, with resourceNames: ["bash"] or for all of them`,
    );
  });

  test('holds for the Runtimes that the Role names, whether they exist or not', async () => {
    await grant('bash-user', [createRuns, use('bash', 'later') as never]);
    const user = as('bash-user');
    expect(await mayDo('bash-user', 'use', 'runtimes', 'bash')).toBe(true);
    expect(await mayDo('bash-user', 'use', 'runtimes', 'python')).toBe(false);
    expect(await refusal(user, 'bash')).toBeUndefined();
    expect(await refusal(user, 'later')).toBeUndefined();
    expect(await refusal(user, 'python')).toContain('may not use Runtime "python"');
  });

  test('holds for all Runtimes when the Role names none', async () => {
    await grant('any-user', [createRuns, use() as never]);
    expect(await refusal(as('any-user'), 'python')).toBeUndefined();
  });

  test('is no right to create Runs', async () => {
    await grant('only-use', [use() as never]);
    expect(await refusal(as('only-use'), 'bash')).toContain('cannot create resource "runs"');
  });

  test('is what administrators have anyway', async () => {
    expect(await refusal(as('admin', ['system:masters']), 'bash')).toBeUndefined();
  });

  test('the Role of the documentation is enough to run something on bash, and on nothing else', async () => {
    const text = await readFile(new URL('../../../../docs/access-control.md', import.meta.url), 'utf8');
    const [, manifest = ''] = /^```yaml\n(.*?)^```$/ms.exec(text) ?? [];
    const {rules = []}: Role = parse(manifest);
    await grant('documented', rules);
    const user = as('documented');
    expect(await refusal(user, 'bash')).toBeUndefined();
    expect(await refusal(user, 'python')).toContain('may not use');
  });
});
