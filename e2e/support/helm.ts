import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {type CommandResult, command} from '@kruntimes/command';
import {chartFolder, helmProgram} from '@kruntimes/integration/support/helm';

const charts = ['kruntimes-crds', 'kruntimes', 'kruntimes-runtimes'] as const;
/** Name of a chart of ours. */
export type Chart = (typeof charts)[number];

const helmLimitMs = 420_000;

/** Helm, with a home of its own, for one cluster and its OCI registry. */
export class Helm implements AsyncDisposable {
  readonly #program: string;
  readonly #home: string;
  readonly #kubeconfig: string;
  readonly #registry: string;

  private constructor(program: string, home: string, kubeconfig: string, registry: string) {
    this.#program = program;
    this.#home = home;
    this.#kubeconfig = kubeconfig;
    this.#registry = registry;
  }

  /** Builds Helm if it is not in the cache. */
  static async open(kubeconfig: string, registry: string): Promise<Helm> {
    const home = await mkdtemp(join(tmpdir(), 'kruntimes-helm-'));
    return new Helm(await helmProgram(), home, kubeconfig, registry);
  }

  /** Whatever its exit code. */
  async try(...args: string[]): Promise<CommandResult> {
    const env = {...process.env, HOME: this.#home, KUBECONFIG: this.#kubeconfig};
    return await command(this.#program, args, {env, timeoutMs: helmLimitMs});
  }

  /** @returns standard output */
  async run(...args: string[]): Promise<string> {
    const {code, stdout, stderr} = await this.try(...args);
    if (code !== 0) throw new Error(`helm ${args.join(' ')} ended with ${code}:\n${stderr}`);
    return stdout;
  }

  /** Packages all charts of ours as this version, and pushes them to the registry. */
  async publish(version: string): Promise<void> {
    for (const chart of charts) {
      const versions = ['--version', version, '--app-version', version];
      await this.run('package', chartFolder(chart), ...versions, '--destination', this.#home);
      await this.run(
        'push',
        '--plain-http',
        join(this.#home, `${chart}-${version}.tgz`),
        `oci://${this.#registry}/charts`,
      );
    }
  }

  /** The arguments that name a chart in the registry. */
  published(chart: Chart, version: string): string[] {
    return [`oci://${this.#registry}/charts/${chart}`, '--version', version, '--plain-http'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#home, {recursive: true, force: true});
  }
}

/** The version of the charts, and so of the images. */
export async function chartVersion(): Promise<string> {
  const manifest = fileURLToPath(new URL('../../charts/package.json', import.meta.url));
  const {version} = JSON.parse(await readFile(manifest, 'utf8')) as {version: string};
  return version;
}
