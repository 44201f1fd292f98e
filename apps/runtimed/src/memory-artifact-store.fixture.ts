import {createHash} from 'node:crypto';
import {Readable} from 'node:stream';
import {buffer} from 'node:stream/consumers';
import {
  type ArtifactStore,
  ArtifactStoreError,
  type ListedObject,
  type OpenedObject,
  type PutOptions,
  type StoredObject,
} from '@kruntimes/artifact-store';

/** A store in memory that notes what it is asked to do, and fails as it is told. */
export class MemoryArtifactStore implements ArtifactStore {
  readonly objects = new Map<string, Buffer>();
  readonly calls: string[] = [];
  /** Called before each put and deletePrefix; what it throws is what the call throws. */
  before: (call: string) => Promise<void> | void = () => {};

  async put(key: string, body: Readable, {sizeBytes, signal}: PutOptions): Promise<StoredObject> {
    await this.#begin(`put ${key}`);
    const data = await buffer(body);
    if (signal?.aborted === true) throw new ArtifactStoreError('ABORTED', 'aborted');
    if (data.length !== sizeBytes) throw new ArtifactStoreError('SOURCE_FAILED', 'wrong size');
    this.objects.set(key, data);
    return {key, sizeBytes, digest: `sha256:${createHash('sha256').update(data).digest('hex')}`};
  }

  async get(key: string): Promise<OpenedObject> {
    const data = this.objects.get(key);
    if (data === undefined) throw new ArtifactStoreError('NOT_FOUND', key);
    return {body: Readable.from([data]), sizeBytes: data.length};
  }

  async deletePrefix(prefix: string): Promise<number> {
    await this.#begin(`delete ${prefix}`);
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix));
    for (const key of keys) this.objects.delete(key);
    return keys.length;
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    for (const [key, {length}] of this.objects) if (key.startsWith(prefix)) yield {key, sizeBytes: length};
  }

  async close(): Promise<void> {}

  async #begin(call: string): Promise<void> {
    this.calls.push(call);
    await this.before(call);
  }
}
