import {decodeJson} from '../json/decode-json.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {KubeObject} from '../kube-object.ts';
import type {ResourceStorage, StorageChange, StorageWrite, StoredObject} from '../storage/storage.ts';
import {StorageError} from '../storage/storage.ts';
import type {ResourceView} from './resource.ts';

/** The storage of another resource, whose objects are converted on their way in and out. Keys and revisions are the other's. */
export class ViewStorage implements ResourceStorage {
  readonly #storage: ResourceStorage;
  readonly #view: ResourceView;

  constructor(storage: ResourceStorage, view: ResourceView) {
    this.#storage = storage;
    this.#view = view;
  }

  async snapshot(): Promise<{revision: number; objects: StoredObject[]}> {
    const {revision, objects} = await this.#storage.snapshot();
    return {revision, objects: objects.map((stored) => this.#shown(stored))};
  }

  async write({json, ...write}: StorageWrite): Promise<number> {
    try {
      return await this.#storage.write({...write, json: json && convert(json, this.#view.toStored)});
    } catch (error) {
      if (!(error instanceof StorageError) || error.current === undefined) throw error;
      throw new StorageError(error.code, error.message, {cause: error, current: this.#shown(error.current)});
    }
  }

  async *changes(after: number, signal: AbortSignal): AsyncIterable<readonly StorageChange[]> {
    for await (const changes of this.#storage.changes(after, signal)) {
      yield changes.map((change) => ({
        ...change,
        json: change.json && convert(change.json, this.#view.fromStored),
        previous: change.previous && this.#shown(change.previous),
      }));
    }
  }

  async revision(): Promise<number> {
    return await this.#storage.revision();
  }

  #shown(stored: StoredObject): StoredObject {
    return {...stored, json: convert(stored.json, this.#view.fromStored)};
  }
}

function convert(json: string, by: (object: KubeObject) => KubeObject): string {
  return encodeJson(by(decodeJson(json).value as KubeObject));
}
