import {readFile, rm, writeFile} from 'node:fs/promises';
import {join, resolve} from 'node:path';
import type {DevPaths} from './dev-paths.ts';
import {DEV_CONTEXT} from './dev-state.ts';
import {changeFile, type KubeconfigEntry, withEntry, withoutEntry} from './kubeconfig-entry.ts';

/**
 * The kubeconfigs of the user that have the context of the local cluster. It is taken out of them when the cluster goes down:
 * until then it leads to the cluster, whatever its address and authority are.
 */
export class MergedContexts {
  readonly #list: string;

  constructor(paths: DevPaths) {
    this.#list = join(paths.directory, 'merged.json');
  }

  /** Puts it into a kubeconfig. @throws Error where that cannot be changed */
  async add(kubeconfig: string, entry: KubeconfigEntry): Promise<void> {
    const path = resolve(kubeconfig);
    await changeFile(path, (text) => withEntry(text, entry));
    const files = await this.#files();
    if (!files.includes(path)) await writeFile(this.#list, JSON.stringify([...files, path]), {mode: 0o600});
  }

  /** What was left by a cluster that ended without a word leads to the present one. */
  async refresh(entry: KubeconfigEntry): Promise<void> {
    for (const path of await this.#files()) {
      await changeFile(path, (text) => (text.includes(DEV_CONTEXT) ? withEntry(text, entry) : text)).catch(() => {});
    }
  }

  /**
   * Takes it out of all of them.
   *
   * @returns those that had it
   * @throws Error where one cannot be changed, when the others are
   */
  async remove(): Promise<string[]> {
    const changed: string[] = [];
    const errors: unknown[] = [];
    for (const path of await this.#files()) {
      try {
        await changeFile(path, (text) => {
          if (!text.includes(DEV_CONTEXT)) return text;
          changed.push(path);
          return withoutEntry(text, DEV_CONTEXT);
        });
      } catch (error) {
        errors.push(
          new Error(`cannot take the context ${DEV_CONTEXT} out of ${path}: ${messageOf(error)}`, {cause: error}),
        );
      }
    }
    await rm(this.#list, {force: true});
    if (errors.length > 0) throw errors[0];
    return changed;
  }

  async #files(): Promise<string[]> {
    try {
      const list = JSON.parse(await readFile(this.#list, 'utf8')) as unknown;
      return Array.isArray(list) ? list.filter((path) => typeof path === 'string') : [];
    } catch {
      return [];
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
