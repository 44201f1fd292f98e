import {type Clock, systemClock, type Timer} from '../clock.ts';
import {SqliteChanges} from './sqlite-changes.ts';
import {SqliteResource, type SqliteWriter} from './sqlite-resource.ts';
import {type ResourceStorage, type Storage, type StorageChange, StorageError, type StorageWrite} from './storage.ts';
import {WriteAheadLog} from './write-ahead-log.ts';

export interface SqliteStorageOptions {
  /** The file; beside it `-wal` is kept. Its directory must be there. */
  path: string;
  /**
   * `FULL`: a write is acknowledged when the disk has it, so it survives a power cut. `NORMAL`: when the system has it, so it
   * survives the end of the process. Default: FULL.
   */
  synchronous?: 'FULL' | 'NORMAL';
  /** Changes are kept at least so long. Default: 300,000 (5 minutes). */
  keepMs?: number;
  /** At least so many of each resource are kept. Default: 1,000. */
  keepRevisions?: number;
  clock?: Clock;
}

/**
 * Keeps objects in a SQLite file. Only one storage may have it open.
 *
 * @throws StorageError `FAILED` if it cannot be opened
 */
export function createSqliteStorage(options: SqliteStorageOptions): Storage {
  return new SqliteStorage(options);
}

/** What a storage with the present options does to wait for the disk. */
export interface Durability {
  sync(): Promise<void>;
  close(): Promise<void>;
}

interface PendingWrite extends StorageWrite {
  resource: SqliteResource;
  resolve(revision: number): void;
  reject(error: unknown): void;
}

/** A write that is committed and, when the disk has it, acknowledged. */
interface Outcome {
  write: PendingWrite;
  result: StorageChange | StorageError;
}

/** How often changes are looked through for such that need not be kept. */
const compactionIntervalMs = 30_000;
/** Changes that are let go in one transaction, so that nobody waits long. */
const compactionSlice = 500;
/** Writes in one transaction, so that nobody waits long. */
const transactionLimit = 500;

/** The storage itself; what stands for the disk can be given by tests. */
export class SqliteStorage implements Storage, SqliteWriter {
  readonly changes: SqliteChanges;
  readonly #clock: Clock;
  readonly #durability: Durability | undefined;
  readonly #keepMs: number;
  readonly #keepRevisions: number;
  readonly #resources = new Map<string, SqliteResource>();
  #pending: PendingWrite[] = [];
  #isCommitting = false;
  /** The transaction that the disk is busy with. */
  #transaction: Promise<void> | undefined;
  #failure: StorageError | undefined;
  #timer: Timer | undefined;

  constructor(options: SqliteStorageOptions, durability?: Durability) {
    this.#clock = options.clock ?? systemClock;
    this.#keepMs = options.keepMs ?? 300_000;
    this.#keepRevisions = options.keepRevisions ?? 1_000;
    this.changes = new SqliteChanges(options.path);
    if (options.synchronous !== 'NORMAL') this.#durability = durability ?? new WriteAheadLog(options.path);
    this.#startTimer();
  }

  resource(name: string): ResourceStorage {
    return this.#resource(name);
  }

  async drop(name: string): Promise<void> {
    this.assertOpen();
    const resource = this.#resource(name);
    await this.#quiet();
    this.assertOpen();
    resource.clear();
    await this.#sync();
  }

  async close(): Promise<void> {
    if (this.#failure?.code === 'CLOSED') return;
    this.#timer?.cancel();
    this.#failure = undefined;
    this.#fail(new StorageError('CLOSED', 'the storage is closed'));
    await this.#quiet();
    await this.#durability?.close();
    this.changes.close();
  }

  /** Queues a write: all that come in one turn, or while the disk is busy with others, are one transaction. */
  write(write: StorageWrite, resource: SqliteResource): Promise<number> {
    this.assertOpen();
    return new Promise((resolve, reject) => {
      this.#pending.push({...write, resource, resolve, reject});
      if (!this.#isCommitting) void this.#commitAll();
    });
  }

  assertOpen(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #resource(name: string): SqliteResource {
    let resource = this.#resources.get(name);
    if (resource === undefined) {
      this.assertOpen();
      resource = new SqliteResource(this, this.changes.resource(name));
      this.#resources.set(name, resource);
    }
    return resource;
  }

  /** Waits for the moment between two transactions. */
  async #quiet(): Promise<void> {
    while (this.#transaction !== undefined) await this.#transaction;
  }

  async #commitAll(): Promise<void> {
    this.#isCommitting = true;
    while (this.#pending.length > 0) {
      await nextTurn();
      this.#transaction = this.#commit(this.#pending.splice(0, transactionLimit));
      await this.#transaction;
      this.#transaction = undefined;
    }
    this.#isCommitting = false;
  }

  async #commit(writes: readonly PendingWrite[]): Promise<void> {
    try {
      this.assertOpen();
      const outcomes = this.changes.transaction(() =>
        writes.map((write): Outcome => ({write, result: write.resource.stage(write)})),
      );
      await this.#sync();
      acknowledge(outcomes);
    } catch (error) {
      for (const write of writes) {
        write.resource.rollback();
        write.reject(error);
      }
    }
  }

  /** @throws StorageError `FAILED`: nobody knows what the disk has, so nothing is written any more */
  async #sync(): Promise<void> {
    try {
      await this.#durability?.sync();
    } catch (error) {
      throw this.#fail(new StorageError('FAILED', 'cannot write to the disk', {cause: error}));
    }
  }

  #fail(error: StorageError): StorageError {
    this.#failure ??= error;
    for (const write of this.#pending.splice(0)) write.reject(this.#failure);
    for (const resource of this.#resources.values()) resource.end(this.#failure);
    return this.#failure;
  }

  #startTimer(): void {
    this.#timer = this.#clock.setTimeout(() => {
      this.#startTimer();
      void this.#compact();
    }, compactionIntervalMs);
  }

  async #compact(): Promise<void> {
    for (const resource of this.#resources.values()) {
      const last = resource.expired(this.#clock.monotonic(), this.#keepMs, this.#keepRevisions);
      while (resource.oldest() < last) {
        await nextTurn();
        if (this.#failure !== undefined) return;
        try {
          resource.compact(Math.min(last, resource.oldest() + compactionSlice));
        } catch {
          // A full disk is told to those who write; room may be there the next time.
          return;
        }
      }
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Tells the changes to all who follow, then the results to those who wrote. */
function acknowledge(outcomes: readonly Outcome[]): void {
  const changes = new Map<SqliteResource, StorageChange[]>();
  for (const {write, result} of outcomes) {
    if (result instanceof StorageError) continue;
    const known = changes.get(write.resource);
    if (known === undefined) changes.set(write.resource, [result]);
    else known.push(result);
  }
  for (const [resource, batch] of changes) resource.acknowledge(batch);
  for (const {write, result} of outcomes) {
    if (result instanceof StorageError) write.reject(result);
    else write.resolve(result.revision);
  }
}
