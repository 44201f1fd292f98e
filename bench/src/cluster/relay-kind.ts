import {type ApiKind, GROUP, RUN_KIND, RUN_PLURAL, type Run, runKind, VERSION} from '@kruntimes/api-types';
import {runCrd} from '@kruntimes/api-types/crds';
import {type Client, type KubernetesObject, kinds} from '@kruntimes/reconciler-kit';
import {installDefinitions} from '@kruntimes/reconciler-kit/testing';
import type {ValidatingAdmissionPolicy} from 'kubernetes-types/admissionregistration/v1.d.ts';

export const RELAY_GROUP = 'relay.kruntimes.io';

/** A Run in everything but its group: nobody of kruntimes watches it, and the API server does the same work for it. */
export const relayKind: ApiKind<Run> = {...runKind, group: RELAY_GROUP};

const apply = {fieldManager: 'kruntimes-bench', force: true};

/** Installs the kind, and on it the policies that hold for Runs. */
export async function installRelayKind(admin: Client): Promise<void> {
  const definition = structuredClone(runCrd);
  definition.metadata = {...definition.metadata, name: `${RUN_PLURAL}.${RELAY_GROUP}`};
  definition.spec.group = RELAY_GROUP;
  definition.spec.names = {plural: RUN_PLURAL, singular: 'run', kind: RUN_KIND, listKind: `${RUN_KIND}List`};
  await installDefinitions(admin, [definition]);
  await copyPolicies(admin);
  // An established kind answers 429 at first, and the transport waits for as long as that says.
  await admin.transport.request({
    method: 'GET',
    path: `/apis/${RELAY_GROUP}/${VERSION}/${RUN_PLURAL}`,
    query: {limit: 1},
  });
}

/** Undoes {@link installRelayKind}. */
export async function removeRelayKind(admin: Client): Promise<void> {
  for (const kind of [kinds.ValidatingAdmissionPolicyBinding, kinds.ValidatingAdmissionPolicy]) {
    for (const {metadata} of (await admin.kind<KubernetesObject>(kind).list()).items)
      if (metadata?.name?.startsWith('relay-kruntimes-'))
        await admin.kind<KubernetesObject>(kind).delete({name: metadata.name});
  }
  await admin.kind(kinds.CustomResourceDefinition).delete({name: `${RUN_PLURAL}.${RELAY_GROUP}`});
}

async function copyPolicies(admin: Client): Promise<void> {
  const policies = admin.kind(kinds.ValidatingAdmissionPolicy);
  const bindings = admin.kind(kinds.ValidatingAdmissionPolicyBinding);
  const ofRuns = (await policies.list()).items.filter(holdsForRuns);
  const copied = new Set<string>();
  for (const {metadata, spec} of ofRuns) {
    const copy = structuredClone(spec);
    for (const rule of copy?.matchConstraints?.resourceRules ?? [])
      rule.apiGroups = (rule.apiGroups ?? []).map((group) => (group === GROUP ? RELAY_GROUP : group));
    await policies.apply({metadata: {name: `relay-${metadata?.name}`}, ...(copy && {spec: copy})}, apply);
    copied.add(metadata?.name ?? '');
  }
  for (const {metadata, spec} of (await bindings.list()).items) {
    if (!copied.has(spec?.policyName ?? '')) continue;
    await bindings.apply(
      {metadata: {name: `relay-${metadata?.name}`}, spec: {...spec, policyName: `relay-${spec?.policyName}`}},
      apply,
    );
  }
}

function holdsForRuns({spec}: ValidatingAdmissionPolicy): boolean {
  return (spec?.matchConstraints?.resourceRules ?? []).some(({apiGroups}) => apiGroups?.includes(GROUP));
}
