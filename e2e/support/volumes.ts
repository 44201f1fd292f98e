import {chmod, mkdir, rm} from 'node:fs/promises';
import {join} from 'node:path';
import {type Client, defineKind, type KubernetesObject} from '@kruntimes/reconciler-kit';
import type {PersistentVolume} from 'kubernetes-types/core/v1.d.ts';

export const persistentVolumeKind = defineKind<KubernetesObject & PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  namespaced: false,
});

/** A PersistentVolume on the node that only one claim may have: there is nothing that makes volumes by itself. */
export class Volume {
  /** Where it is on this machine. */
  readonly directory: string;
  readonly #client: Client;
  readonly #name: string;

  private constructor(client: Client, name: string, directory: string) {
    this.#client = client;
    this.#name = name;
    this.directory = directory;
  }

  /** @param parent a directory that the node sees under the same name */
  static async create(client: Client, parent: string, claim: {namespace: string; name: string}): Promise<Volume> {
    const name = `${claim.namespace}-${claim.name}`;
    const directory = join(parent, 'volumes', name);
    await mkdir(directory, {recursive: true});
    // The kubelet gives volumes of this kind to no group.
    await chmod(directory, 0o777);
    await client.kind(persistentVolumeKind).create({
      metadata: {name},
      spec: {
        capacity: {storage: '100Gi'},
        accessModes: ['ReadWriteMany', 'ReadWriteOnce'],
        persistentVolumeReclaimPolicy: 'Retain',
        claimRef: {apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim},
        hostPath: {path: directory, type: 'Directory'},
      },
    });
    return new Volume(client, name, directory);
  }

  async delete(): Promise<void> {
    await this.#client.kind(persistentVolumeKind).delete({name: this.#name});
    await rm(this.directory, {recursive: true, force: true});
  }
}
