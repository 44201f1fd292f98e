import {ChangeFeed, type ChangeSource} from './change-feed.ts';
import {conflict} from './conflict.ts';
import type {SqliteChanges, SqliteResourceRow} from './sqlite-changes.ts';
import type {
  ResourceStorage,
  StorageChange,
  StorageError,
  StorageSnapshot,
  StorageWrite,
  StoredObject,
} from './storage.ts';

/** Pages of what a late reader missed. */
const pageSize = 200;

/** What a resource needs of its storage. */
export interface SqliteWriter {
  readonly changes: SqliteChanges;
  assertOpen(): void;
  write(write: StorageWrite, resource: SqliteResource): Promise<number>;
}

/**
 * One resource in a SQLite file. In memory it has the revision of each object; what is committed and not yet acknowledged stands beside
 * that, seen by the next writes only.
 */
export class SqliteResource implements ResourceStorage, ChangeSource {
  readonly id: number;
  readonly #writer: SqliteWriter;
  readonly #feed = new ChangeFeed(this);
  #keys: Map<string, number>;
  #head: number;
  #oldest: number;
  /** Of the transaction that is under way: 0 of an object that is deleted. */
  readonly #staged = new Map<string, number>();
  #stagedHead: number;
  /** When there were how many revisions, for what is old enough to be let go. */
  #marks: {time: number; head: number}[] = [];

  constructor(writer: SqliteWriter, row: SqliteResourceRow) {
    this.#writer = writer;
    this.id = row.id;
    this.#head = row.head;
    this.#stagedHead = row.head;
    this.#oldest = row.compacted;
    this.#keys = writer.changes.keys(row);
  }

  async snapshot(): Promise<StorageSnapshot> {
    this.#writer.assertOpen();
    const keys = [...this.#keys.keys()].sort();
    const objects = keys.map((key) => this.#object(key, this.#keys.get(key)!));
    return {revision: this.#head, objects, oldest: this.#oldest};
  }

  async write(write: StorageWrite): Promise<number> {
    return this.#writer.write(write, this);
  }

  changes(after: number, signal: AbortSignal): AsyncIterable<readonly StorageChange[]> {
    return this.#feed.read(after, signal);
  }

  async revision(): Promise<number> {
    this.#writer.assertOpen();
    return this.#head;
  }

  head(): number {
    return this.#head;
  }

  oldest(): number {
    return this.#oldest;
  }

  read(after: number): readonly StorageChange[] {
    return this.#writer.changes.page(this.id, after, this.#head, pageSize);
  }

  /** Appends a change within a transaction; a conflict changes nothing. */
  stage({key, expected, json}: StorageWrite): StorageChange | StorageError {
    const revision = this.#staged.get(key) ?? this.#keys.get(key) ?? 0;
    const previous = revision === 0 ? undefined : this.#object(key, revision);
    if (revision !== expected) return conflict(key, expected, previous);
    const change: StorageChange = {revision: this.#stagedHead + 1, key, json, previous};
    this.#writer.changes.append(this.id, change);
    this.#stagedHead = change.revision;
    this.#staged.set(key, json === undefined ? 0 : change.revision);
    return change;
  }

  /** Makes what is staged what there is, and tells of it. */
  acknowledge(changes: readonly StorageChange[]): void {
    for (const [key, revision] of this.#staged) {
      if (revision === 0) this.#keys.delete(key);
      else this.#keys.set(key, revision);
    }
    this.#staged.clear();
    this.#head = this.#stagedHead;
    this.#feed.publish(changes);
  }

  /** Forgets what is staged. */
  rollback(): void {
    this.#staged.clear();
    this.#stagedHead = this.#head;
  }

  clear(): void {
    // One more, so that who knows the objects of before learns that their end was not told.
    const head = this.#head + 1;
    this.#writer.changes.clear(this.id, head);
    this.#keys = new Map();
    this.#head = head;
    this.#stagedHead = head;
    this.#oldest = head;
    this.#marks = [];
    this.#feed.reset();
  }

  /** Up to which revision changes may be let go; to be asked now and then. */
  expired(now: number, keepMs: number, keepRevisions: number): number {
    const old = this.#marks.findLastIndex(({time}) => now - time >= keepMs);
    const expired = this.#marks[old]?.head ?? 0;
    if (old > 0) this.#marks.splice(0, old);
    this.#marks.push({time: now, head: this.#head});
    return Math.max(this.#oldest, Math.min(expired, this.#head - keepRevisions));
  }

  /** Lets changes go. */
  compact(to: number): void {
    if (to <= this.#oldest) return;
    this.#writer.changes.compact(this.id, this.#oldest, to);
    this.#oldest = to;
  }

  end(error: StorageError): void {
    this.#feed.close(error);
  }

  #object(key: string, revision: number): StoredObject {
    return {key, revision, json: this.#writer.changes.json(this.id, revision)};
  }
}
