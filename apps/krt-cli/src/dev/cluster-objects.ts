import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {VERSION} from '@kruntimes/api-types';
import {runCrd, runtimeCrd} from '@kruntimes/api-types/crds';
import {type Client, isAlreadyExists, kinds} from '@kruntimes/reconciler-kit';
import {waitForObject} from '@kruntimes/reconciler-kit/testing';
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from 'kubernetes-types/admissionregistration/v1.d.ts';
import type {ClusterRole, Role} from 'kubernetes-types/rbac/v1.d.ts';
import {parseAllDocuments} from 'yaml';
import {type AppName, admissionManifests, rbacManifest} from './local-programs.ts';

const apply = {fieldManager: 'krt-dev', force: true};
const rbacGroup = 'rbac.authorization.k8s.io';

/** How often a new kind is asked for until its storage is there. */
const SERVING_ATTEMPTS = 200;
const SERVING_INTERVAL_MS = 25;

/** Installs the kinds of kruntimes.io and waits until they are served. */
export async function installKinds(client: Client): Promise<void> {
  const definitions = client.kind(kinds.CustomResourceDefinition);
  await Promise.all(
    [runCrd, runtimeCrd].map(async (crd) => {
      const {metadata} = await definitions.apply(crd, apply);
      const name = metadata?.name ?? '';
      await waitForObject(
        definitions,
        {name},
        ({status}) =>
          status?.conditions?.some(({type, status: value}) => type === 'Established' && value === 'True') ?? false,
        {description: `CustomResourceDefinition ${name} Established`},
      );
      await untilServed(client, crd.spec.group, crd.spec.names.plural);
    }),
  );
}

/** An established kind answers 429 at first: clients that start now would wait for the second that it asks for. */
async function untilServed(client: Client, group: string, plural: string): Promise<void> {
  const path = `/apis/${group}/${VERSION}/${plural}`;
  for (let attempt = 1; ; attempt++) {
    try {
      await client.transport.request({method: 'GET', path, query: {limit: 1}, maxRetries: 0});
      return;
    } catch (error) {
      if (attempt === SERVING_ATTEMPTS) throw error;
      await delay(SERVING_INTERVAL_MS);
    }
  }
}

/** Installs the policies that confine runtimed to its own Pod, Lease and Runs. The API server enforces them within a second or so. */
export async function installPolicies(client: Client): Promise<void> {
  const names = await readdir(admissionManifests);
  for (const name of names.filter((file) => file.endsWith('.yaml'))) {
    for (const document of parseAllDocuments(await readFile(join(admissionManifests, name), 'utf8'))) {
      const object = document.toJS() as ValidatingAdmissionPolicy | ValidatingAdmissionPolicyBinding;
      if (object.kind === 'ValidatingAdmissionPolicy')
        await client.kind(kinds.ValidatingAdmissionPolicy).apply(object, apply);
      else
        await client
          .kind(kinds.ValidatingAdmissionPolicyBinding)
          .apply(object as ValidatingAdmissionPolicyBinding, apply);
    }
  }
}

export interface AppIdentity {
  app: AppName;
  /** Namespace of its ServiceAccount. */
  home: string;
  /** The namespace it works in; all when left out. */
  namespace?: string | undefined;
}

/** Gives an app a ServiceAccount with the rights of its manifest; returns a token of it. */
export async function installIdentity(client: Client, {app, home, namespace}: AppIdentity): Promise<string> {
  const name = `kruntimes-${app}`;
  await client
    .kind(kinds.ServiceAccount)
    .apply({apiVersion: 'v1', kind: 'ServiceAccount', metadata: {name, namespace: home}}, apply);
  const subjects = [{kind: 'ServiceAccount', name, namespace: home}];
  const documents = parseAllDocuments(await readFile(rbacManifest(app), 'utf8'));
  for (const document of documents) {
    const role = document.toJS() as ClusterRole | Role;
    const {kind = '', metadata} = role;
    const roleName = metadata?.name ?? '';
    const roleRef = {apiGroup: rbacGroup, kind, name: roleName};
    if (kind === 'ClusterRole') {
      await client.kind(kinds.ClusterRole).apply(role as ClusterRole, apply);
      if (namespace === undefined) {
        await client
          .kind(kinds.ClusterRoleBinding)
          .apply(
            {apiVersion: `${rbacGroup}/v1`, kind: 'ClusterRoleBinding', metadata: {name: roleName}, roleRef, subjects},
            apply,
          );
        continue;
      }
    } else {
      await client.kind(kinds.Role).apply({...(role as Role), metadata: {...metadata, namespace: home}}, apply);
    }
    const scope = kind === 'ClusterRole' ? namespace : home;
    await client.kind(kinds.RoleBinding).apply(
      {
        apiVersion: `${rbacGroup}/v1`,
        kind: 'RoleBinding',
        metadata: {name: roleName, namespace: scope ?? home},
        roleRef,
        subjects,
      },
      apply,
    );
  }
  const {status} = await client.createToken({name, namespace: home}, {audiences: [], expirationSeconds: TOKEN_SECONDS});
  return status?.token ?? '';
}

/** Longer than anybody leaves a development cluster running. */
const TOKEN_SECONDS = 30 * 24 * 3600;

export async function ensureNamespace(client: Client, name: string): Promise<void> {
  await client
    .kind(kinds.Namespace)
    .create({metadata: {name}})
    .catch((error: unknown) => {
      if (!isAlreadyExists(error)) throw error;
    });
}
