import {readFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {runKind} from '@kruntimes/api-types';
import {Client, isForbidden, kinds, Transport} from '@kruntimes/reconciler-kit';
import {type ControlPlaneAccess, writeKubeconfig} from '@kruntimes/reconciler-kit/testing';
import type {PolicyRule} from 'kubernetes-types/rbac/v1.d.ts';
import {parse} from 'yaml';
import {type CommandResult, command} from './command.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Rules of a ClusterRole of the chart kruntimes-crds: its own, and those of the roles before it. */
export async function chartRoleRules(name: string): Promise<PolicyRule[]> {
  const text = await readFile(join(root, 'charts', 'kruntimes-crds', 'files', 'roles.yaml'), 'utf8');
  const roles = parse(text) as {name: string; rules: PolicyRule[]}[];
  const last = roles.findIndex((role) => role.name === name);
  if (last === -1) throw new Error(`the chart has no role ${name}`);
  return roles.slice(0, last + 1).flatMap(({rules}) => rules);
}

export interface RestrictedUserOptions {
  controlPlane: ControlPlaneAccess;
  /** An administrator's. */
  client: Client;
  user: string;
  /** A role of the chart kruntimes-crds, bound in this namespace and nowhere else. */
  role: string;
  namespace: string;
  /** For the kubeconfig. */
  directory: string;
}

/** Somebody who has one role in one namespace, and what they do there with kubectl, krt and a client. */
export class RestrictedUser {
  readonly namespace: string;
  readonly client: Client;
  readonly #kubeconfig: string;

  private constructor(namespace: string, client: Client, kubeconfig: string) {
    this.namespace = namespace;
    this.client = client;
    this.#kubeconfig = kubeconfig;
  }

  static async create(options: RestrictedUserOptions): Promise<RestrictedUser> {
    const {controlPlane, client, user, role, namespace, directory} = options;
    const rules = await chartRoleRules(role);
    await client.kind(kinds.ClusterRole).apply({metadata: {name: role}, rules}, {fieldManager: 'test'});
    await client.kind(kinds.RoleBinding).create({
      metadata: {name: user, namespace},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role},
      subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: user}],
    });
    const kubeconfig = join(directory, `${user}.kubeconfig`);
    const config = controlPlane.userConfig({user});
    await writeKubeconfig(kubeconfig, {...config, namespace});
    const own = new Client(new Transport(config, {userAgent: user}));
    await untilAllowed(own, namespace);
    return new RestrictedUser(namespace, own, kubeconfig);
  }

  async kubectl(args: readonly string[], input?: string): Promise<CommandResult> {
    return await command('kubectl', args, {env: this.#env(), timeoutMs: 240_000, ...(input !== undefined && {input})});
  }

  async krt(args: readonly string[]): Promise<CommandResult> {
    const krt = join(root, 'apps', 'krt-cli', 'dist', 'main.js');
    return await command(process.execPath, [krt, ...args], {env: this.#env(), timeoutMs: 240_000});
  }

  async shell(snippet: string): Promise<CommandResult> {
    return await command('bash', ['-euo', 'pipefail', '-c', snippet], {env: this.#env(), timeoutMs: 240_000});
  }

  #env(): NodeJS.ProcessEnv {
    return {...process.env, KUBECONFIG: this.#kubeconfig};
  }
}

/** Nothing tells when the authorizer has heard of a binding. */
async function untilAllowed(client: Client, namespace: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.kind(runKind).list({namespace, limit: 1});
      return;
    } catch (error) {
      if (!isForbidden(error) || attempt === 1_200) throw error;
      await delay(50);
    }
  }
}
