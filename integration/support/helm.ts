import {mkdir} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {type CommandResult, command} from '@kruntimes/command';
import {resolveGoPrograms} from '@kruntimes/reconciler-kit/testing';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Path of Helm, which is built if it is not in the cache. */
export async function helmProgram(): Promise<string> {
  const directory = await resolveGoPrograms({
    name: 'helm',
    goModule: join(root, 'integration', 'interop', 'helm'),
    packages: {helm: 'helm.sh/helm/v3/cmd/helm'},
    // The Kubernetes that charts are rendered for where Helm asks no cluster.
    linkerFlags: [
      '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor=1',
      '-X helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor=33',
    ],
  });
  return join(directory, 'helm');
}

/** Folder of a chart of ours. */
export function chartFolder(chart: 'kruntimes' | 'kruntimes-crds' | 'kruntimes-runtimes'): string {
  return join(root, 'charts', chart);
}

/** Helm as somebody who has a directory for a home, and a cluster unless it only renders. */
export class Helm {
  readonly #program: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(program: string, env: NodeJS.ProcessEnv) {
    this.#program = program;
    this.#env = env;
  }

  static async open(home: string, kubeconfig?: string): Promise<Helm> {
    await mkdir(home, {recursive: true});
    const env = {PATH: process.env['PATH'], HOME: home, ...(kubeconfig !== undefined && {KUBECONFIG: kubeconfig})};
    return new Helm(await helmProgram(), env);
  }

  /** Whatever its exit code. */
  async try(args: readonly string[]): Promise<CommandResult> {
    return await command(this.#program, args, {env: this.#env, timeoutMs: 240_000});
  }

  /** @returns standard output */
  async run(args: readonly string[]): Promise<string> {
    const {code, stdout, stderr} = await this.try(args);
    if (code !== 0) throw new Error(`helm ${args.join(' ')} ended with ${code}:\n${stderr}`);
    return stdout;
  }
}
