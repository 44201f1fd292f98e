import {DatabaseSync, type StatementSync} from 'node:sqlite';
import {type StorageChange, StorageError, type StoredObject} from './storage.ts';

/** A resource as the database knows it. */
export interface SqliteResourceRow {
  id: number;
  name: string;
  /** Changes after this revision are kept. */
  compacted: number;
  /** Revision of the last change. */
  head: number;
}

/** Written into the header of the file: "kr" and the version of the layout. */
const applicationId = 0x6b72_0001;
/** Revisions of a resource, and resources: an id of both must be exact in a double. */
const revisionLimit = 2 ** 40;
const resourceLimit = 2 ** 13 - 1;

interface ChangeRow {
  id: number;
  key: string;
  json: string | null;
  previous: number;
  previousJson: string | null;
}

/**
 * The file of a SQLite storage: one table to which all changes of all resources are appended. What an object is now stands in the last
 * change with its key, so a write touches one page; which change that is, the storage keeps in memory.
 *
 * The id of a change is `resource × 2^40 + revision`: changes of a resource lie together, in order, without another index.
 */
export class SqliteChanges {
  readonly #database: DatabaseSync;
  readonly #statements: Record<
    | 'begin'
    | 'commit'
    | 'rollback'
    | 'insert'
    | 'json'
    | 'page'
    | 'keys'
    | 'head'
    | 'deleteSuperseded'
    | 'deleteTombstones'
    | 'deleteRange'
    | 'compacted',
    StatementSync
  >;

  /** @throws StorageError `FAILED` if the file is not such a database, or another process has it open */
  constructor(path: string) {
    try {
      this.#database = open(path);
    } catch (error) {
      throw sqliteError(error, `cannot open ${path}`);
    }
    const prepare = (sql: string): StatementSync => this.#database.prepare(sql);
    this.#statements = {
      begin: prepare('BEGIN IMMEDIATE'),
      commit: prepare('COMMIT'),
      rollback: prepare('ROLLBACK'),
      insert: prepare('INSERT INTO changes (id, previous, key, json) VALUES (?, ?, ?, ?)'),
      json: prepare('SELECT json FROM changes WHERE id = ?'),
      page: prepare(
        `SELECT c.id, c.key, c.json, c.previous, p.json AS previousJson
         FROM changes c LEFT JOIN changes p ON c.previous > 0 AND p.id = ? + c.previous
         WHERE c.id > ? AND c.id <= ? ORDER BY c.id LIMIT ?`,
      ),
      keys: prepare('SELECT id, key, json IS NULL AS gone FROM changes WHERE id > ? AND id < ? ORDER BY id'),
      head: prepare('SELECT max(id) AS id FROM changes WHERE id > ? AND id < ?'),
      deleteSuperseded: prepare(
        'DELETE FROM changes WHERE id IN (SELECT ? + previous FROM changes WHERE id > ? AND id <= ? AND previous > 0)',
      ),
      deleteTombstones: prepare('DELETE FROM changes WHERE id > ? AND id <= ? AND json IS NULL'),
      deleteRange: prepare('DELETE FROM changes WHERE id > ? AND id < ?'),
      compacted: prepare('UPDATE resources SET compacted = ? WHERE id = ?'),
    };
  }

  /** Finds a resource, or adds it. */
  resource(name: string): SqliteResourceRow {
    const select = this.#database.prepare('SELECT id, compacted FROM resources WHERE name = ?');
    let row = select.get(name) as {id: number; compacted: number} | undefined;
    if (row === undefined) {
      this.#database.prepare('INSERT INTO resources (name, compacted) VALUES (?, 1)').run(name);
      row = select.get(name) as {id: number; compacted: number};
    }
    if (row.id > resourceLimit) throw new StorageError('FULL', `there are ${resourceLimit} resources already`);
    const {id, compacted} = row;
    const last = this.#statements.head.get(base(id), base(id + 1)) as {id: number | null};
    return {id, name, compacted, head: Math.max(compacted, last.id === null ? 0 : last.id - base(id))};
  }

  /** Carries out changes, all or none of them. */
  transaction<T>(work: () => T): T {
    const {begin, commit, rollback} = this.#statements;
    begin.run();
    try {
      const result = work();
      commit.run();
      return result;
    } catch (error) {
      // Where the file is full SQLite may have rolled back by itself.
      if (this.#database.isTransaction) rollback.run();
      throw sqliteError(error, 'cannot write');
    }
  }

  append(resource: number, {revision, key, json, previous}: StorageChange): void {
    if (revision >= revisionLimit) throw new StorageError('FULL', 'there are no more revisions');
    this.#statements.insert.run(base(resource) + revision, previous?.revision ?? 0, key, json ?? null);
  }

  /** Text of an object that was written with this revision. */
  json(resource: number, revision: number): string {
    const row = this.#statements.json.get(base(resource) + revision) as {json: string} | undefined;
    if (row === undefined) throw new StorageError('FAILED', `the object of revision ${revision} is not stored`);
    return row.json;
  }

  /** Revision of each object there is, in no order. */
  keys({id}: SqliteResourceRow): Map<string, number> {
    const keys = new Map<string, number>();
    for (const row of this.#statements.keys.iterate(base(id), base(id + 1))) {
      const {id: change, key, gone} = row as {id: number; key: string; gone: number};
      if (gone === 0) keys.set(key, change - base(id));
      else keys.delete(key);
    }
    return keys;
  }

  /** Changes after a revision and up to another one. */
  page(resource: number, after: number, last: number, limit: number): StorageChange[] {
    const start = base(resource);
    const rows = this.#statements.page.all(start, start + after, start + last, limit) as unknown as ChangeRow[];
    return rows.map(({id, key, json, previous, previousJson}) => ({
      revision: id - start,
      key,
      json: json ?? undefined,
      previous: previousOf(key, previous, previousJson),
    }));
  }

  /** Lets the changes go that lie after one revision and not after another one. What objects are now stays. */
  compact(resource: number, from: number, to: number): void {
    const start = base(resource);
    this.transaction(() => {
      this.#statements.deleteSuperseded.run(start, start + from, start + to);
      this.#statements.deleteTombstones.run(start + from, start + to);
      this.#statements.compacted.run(to, resource);
    });
  }

  /** Lets all changes go. @param head revision of the resource from now on */
  clear(resource: number, head: number): void {
    this.transaction(() => {
      this.#statements.deleteRange.run(base(resource), base(resource + 1));
      this.#statements.compacted.run(head, resource);
    });
  }

  close(): void {
    this.#database.close();
  }
}

function base(resource: number): number {
  return resource * revisionLimit;
}

function previousOf(key: string, revision: number, json: string | null): StoredObject | undefined {
  return revision === 0 || json === null ? undefined : {key, revision, json};
}

function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path, {timeout: 0});
  try {
    // Alone: what others would write, the caches would not see. It also needs no shared memory beside the file.
    database.exec('PRAGMA locking_mode = EXCLUSIVE');
    database.exec('PRAGMA journal_mode = WAL');
    // The storage itself waits for the disk, without holding up the process: see WriteAheadLog.
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec('PRAGMA temp_store = MEMORY');
    const {application_id: found} = database.prepare('PRAGMA application_id').get() as {application_id: number};
    const {tables} = database.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as {tables: number};
    if (found !== applicationId && tables > 0)
      throw new StorageError('FAILED', `${path} is a database of something else, or of another version`);
    // Nothing is written to what is there: it can be opened on a full disk.
    if (found !== applicationId) {
      database.exec(`
        BEGIN IMMEDIATE;
        CREATE TABLE resources (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, compacted INTEGER NOT NULL);
        CREATE TABLE changes (id INTEGER PRIMARY KEY, previous INTEGER NOT NULL, key TEXT NOT NULL, json TEXT);
        PRAGMA application_id = ${applicationId};
        COMMIT;
      `);
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** @see https://www.sqlite.org/rescode.html */
const codes = {full: 13, busy: 5};

/** What SQLite says, in the words of a storage. */
function sqliteError(error: unknown, what: string): StorageError {
  if (error instanceof StorageError) return error;
  const {errcode, message} = error as {errcode?: unknown; message?: unknown};
  if (errcode === codes.full) return new StorageError('FULL', `${what}: the disk is full`, {cause: error});
  if (errcode === codes.busy) return new StorageError('FAILED', `${what}: another process uses it`, {cause: error});
  return new StorageError('FAILED', `${what}: ${String(message)}`, {cause: error});
}
