import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {type CommandResult, command} from '@kruntimes/command';
import {Client, type ClusterConfig, Transport} from '@kruntimes/reconciler-kit';
import {writeKubeconfig} from '@kruntimes/reconciler-kit/testing';

const krt = fileURLToPath(new URL('../../apps/krt-cli/dist/main.js', import.meta.url));

/** Somebody with a kubeconfig that names a namespace, and what they do with kubectl, krt and a client. */
export class User {
  readonly namespace: string;
  readonly client: Client;
  readonly #kubeconfig: string;

  private constructor(namespace: string, client: Client, kubeconfig: string) {
    this.namespace = namespace;
    this.client = client;
    this.#kubeconfig = kubeconfig;
  }

  /** @param directory for the kubeconfig */
  static async login(name: string, config: ClusterConfig, namespace: string, directory: string): Promise<User> {
    const kubeconfig = join(directory, `${name}-${namespace}.kubeconfig`);
    await writeKubeconfig(kubeconfig, {...config, namespace});
    return new User(namespace, new Client(new Transport(config, {userAgent: name})), kubeconfig);
  }

  async kubectl(args: readonly string[], input?: string): Promise<CommandResult> {
    return await command('kubectl', args, {env: this.#env(), timeoutMs: 240_000, ...(input !== undefined && {input})});
  }

  async krt(args: readonly string[]): Promise<CommandResult> {
    return await command(process.execPath, [krt, ...args], {env: this.#env(), timeoutMs: 240_000});
  }

  /** Runs a snippet as somebody pastes it. */
  async shell(snippet: string): Promise<CommandResult> {
    return await command('bash', ['-euo', 'pipefail', '-c', snippet], {env: this.#env(), timeoutMs: 240_000});
  }

  async close(): Promise<void> {
    await this.client.transport.close();
  }

  #env(): NodeJS.ProcessEnv {
    return {...process.env, KUBECONFIG: this.#kubeconfig};
  }
}
