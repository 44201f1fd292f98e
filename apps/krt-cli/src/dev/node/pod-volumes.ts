import {chmod, mkdir, rename, writeFile} from 'node:fs/promises';
import {dirname, join, posix} from 'node:path';
import {type Clock, type Logger, systemClock} from '@kruntimes/reconciler-kit';
import type {Container, Volume} from 'kubernetes-types/core/v1.d.ts';
import type {PathMapping} from './path-mapping.ts';
import {type ProjectionContext, projectedFiles} from './projected-files.ts';

export interface PodVolumesOptions extends ProjectionContext {
  /** Of the Pod; short, since sockets in it may have no longer path than about 100 bytes. */
  directory: string;
  /** Folders of PersistentVolumeClaims: they outlive the Pod. */
  claimsDirectory: string;
  logger: Logger;
  clock?: Clock;
}

/** A token is renewed when so much of its life has passed, as a kubelet does. */
const TOKEN_RENEWAL = 0.8;
const RENEWAL_RETRY_MS = 10_000;

/** The volumes of one Pod, each a folder on this machine. */
export class PodVolumes {
  readonly #options: PodVolumesOptions;
  readonly #clock: Clock;
  readonly #folders = new Map<string, string>();

  constructor(options: PodVolumesOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Makes all volumes and keeps the tokens in them fresh until `signal` is aborted. May be called again after a failure:
   * it goes on where the last call failed.
   */
  async prepare(signal: AbortSignal): Promise<void> {
    const {volumes = [], containers = [], initContainers = []} = this.#options.pod.spec ?? {};
    for (const volume of volumes) {
      if (this.#folders.has(volume.name)) continue;
      const folder = await this.#prepareVolume(volume, signal);
      if (volume.persistentVolumeClaim || volume.emptyDir) {
        for (const {volumeMounts = []} of [...initContainers, ...containers]) {
          for (const {name, subPath} of volumeMounts)
            if (name === volume.name && subPath) await sharedFolder(join(folder, subPath));
        }
      }
      this.#folders.set(volume.name, folder);
    }
  }

  /** Where the container's mounts are. */
  mappings(container: Container): PathMapping[] {
    return (container.volumeMounts ?? []).flatMap(({name, mountPath, subPath = ''}) => {
      const folder = this.#folders.get(name);
      if (folder === undefined) return [];
      return [{containerPath: posix.normalize(mountPath).replace(/(?<=.)\/$/, ''), hostPath: join(folder, subPath)}];
    });
  }

  async #prepareVolume(volume: Volume, signal: AbortSignal): Promise<string> {
    const {directory, claimsDirectory, pod} = this.#options;
    if (volume.hostPath) return volume.hostPath.path;
    if (volume.persistentVolumeClaim) {
      return await sharedFolder(
        join(claimsDirectory, pod.metadata?.namespace ?? '', volume.persistentVolumeClaim.claimName),
      );
    }
    const folder = join(directory, volume.name);
    if (volume.emptyDir) return await sharedFolder(folder);
    const content = await projectedFiles(volume, this.#options);
    if (content === undefined) throw new Error(`volume ${volume.name} is of a type that a local node does not have`);
    await mkdir(folder, {recursive: true});
    for (const file of content.files) {
      const path = join(folder, posix.join('/', file.path));
      await mkdir(dirname(path), {recursive: true});
      // Readers see the old content or the new one.
      await writeFile(`${path}.new`, file.data, {mode: file.mode});
      await chmod(`${path}.new`, file.mode);
      await rename(`${path}.new`, path);
    }
    if (content.expiresMs !== undefined) this.#renewLater(volume, content.expiresMs, signal);
    return folder;
  }

  #renewLater(volume: Volume, expiresMs: number, signal: AbortSignal): void {
    const waitMs = Math.max(0, (expiresMs - this.#clock.now()) * TOKEN_RENEWAL);
    const renew = async (): Promise<void> => {
      try {
        await this.#prepareVolume(volume, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn('token was not renewed', {volume: volume.name, error});
        this.#clock.sleep(RENEWAL_RETRY_MS, signal).then(renew, () => {});
      }
    };
    this.#clock.sleep(waitMs, signal).then(renew, () => {});
  }
}

/** Users of several containers write into it, whatever the umask. */
async function sharedFolder(path: string): Promise<string> {
  await mkdir(path, {recursive: true});
  await chmod(path, 0o777);
  return path;
}
