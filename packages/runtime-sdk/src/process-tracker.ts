import type {Clock} from './clock.ts';
import type {ProcessInfo, ProcessTable} from './process-table.ts';

/** Environment variable that every process of an execution inherits, unless it clears its environment. */
export const MARKER_VARIABLE = 'KRUNTIME_EXECUTION_ID';

/** Programs whose only work is to adopt orphans in a container. */
const containerInits = new Set(['tini', 'tini-static', 'dumb-init', 'docker-init', 'catatonit']);

/** A process known to be foreign is looked at again after so long, in case its pid was given to another. */
const foreignTrustMs = 30_000;

export interface ProcessTrackerOptions {
  table: ProcessTable;
  clock: Clock;
  /** Pid of the server. */
  self: number;
  /** Absolute paths under which the executions of this server, and of no other, have their directories. */
  workspaceRoot: readonly string[];
  /**
   * Whether the PID namespace holds nothing but this server and its executions, so that an orphan that nobody can be
   * found for is a survivor. Default: the server is process 1, or the child of a container's init program.
   */
  ownsPidNamespace?: boolean | undefined;
}

/** What tells the processes of an execution when their ancestors are gone. */
export interface ExecutionTraces {
  /** The main process: leader of its own session and process group. */
  readonly pid: number;
  readonly workingDirectory: string;
  /** The pipes that its output goes through, as `/proc/<pid>/fd` shows them. */
  readonly outputs: readonly string[];
}

/** Whose process it is. `stray`: an orphan that nobody could be found for. */
type Owner = {readonly id: string} | 'foreign' | 'stray';

interface Known {
  readonly startTime: number;
  readonly owner: Owner;
  /** When it was first seen, or a foreign one looked at for the last time. */
  readonly since: number;
}

/** A living process that an execution or nobody could be found for. */
interface Sighting {
  readonly process: ProcessInfo;
  readonly owner: Owner;
  readonly since: number;
}

interface Tracked extends ExecutionTraces {
  readonly owner: {readonly id: string};
  ended: boolean;
}

/**
 * Knows which process belongs to which execution, however it tries to hide: by session, by an ancestor seen earlier, by
 * the marker in its environment, by the pipes it writes to, by its working directory.
 */
export class ProcessTracker {
  readonly #options: ProcessTrackerOptions;
  readonly #ownsPidNamespace: boolean;
  readonly #tracked = new Map<string, Tracked>();
  readonly #byPid = new Map<number, Tracked>();
  /** Sessions that processes of executions made. */
  readonly #sessions = new Map<number, {readonly id: string}>();
  readonly #known = new Map<number, Known>();
  /** Processes of executions and strays, at the last scan. */
  #alive: readonly Sighting[] = [];
  readonly #ownSession: number | undefined;
  #scanning: Promise<void> | undefined;

  constructor(options: ProcessTrackerOptions) {
    this.#options = options;
    this.#ownsPidNamespace = options.ownsPidNamespace ?? ownsPidNamespace(options.table, options.self);
    this.#ownSession = options.table.read(options.self)?.session;
    const since = options.clock.monotonic();
    for (const pid of options.table.pids()) {
      const process = options.table.read(pid);
      // Whatever runs before the first execution is none of ours.
      if (process !== undefined) this.#known.set(pid, {startTime: process.startTime, owner: 'foreign', since});
    }
  }

  /** From now on, finds the processes of an execution. */
  track(id: string, traces: ExecutionTraces): void {
    const tracked: Tracked = {...traces, owner: {id}, ended: false};
    this.#tracked.set(id, tracked);
    this.#byPid.set(traces.pid, tracked);
    this.#sessions.set(traces.pid, tracked.owner);
    this.#known.delete(traces.pid);
  }

  /** The execution ended, so that its main process is gone and its pid may be another's. Its traces are kept. */
  ended(id: string): void {
    const tracked = this.#tracked.get(id);
    if (tracked === undefined) return;
    tracked.ended = true;
    this.#byPid.delete(tracked.pid);
  }

  /** Drops the traces of an execution: what still runs of it is not found any more. */
  untrack(id: string): void {
    this.ended(id);
    this.#tracked.delete(id);
  }

  /** The living processes of an execution. */
  async members(id: string): Promise<ProcessInfo[]> {
    await this.scan();
    return this.#alive.filter(({owner}) => typeof owner === 'object' && owner.id === id).map(({process}) => process);
  }

  /** The living processes of executions that have ended. */
  async survivors(): Promise<ProcessInfo[]> {
    await this.scan();
    return this.#alive
      .filter(({owner}) => typeof owner === 'object' && this.#tracked.get(owner.id)?.ended !== false)
      .map(({process}) => process);
  }

  /** Orphans that no execution could be found for, with the time since they were first seen. */
  async strays(): Promise<{process: ProcessInfo; ageMs: number}[]> {
    await this.scan();
    const now = this.#options.clock.monotonic();
    return this.#alive
      .filter(({owner}) => owner === 'stray')
      .map(({process, since}) => ({process, ageMs: now - since}));
  }

  /** Looks at all processes. Calls of one turn of the event loop share a look, which comes after all of them. */
  scan(): Promise<void> {
    this.#scanning ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        this.#scanning = undefined;
        try {
          this.#look();
          resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    return this.#scanning;
  }

  /**
   * Processes that a server before this one left behind in the same workspace: they carry the marker, and their working
   * directory or environment names a place in it; with everything in their sessions.
   */
  leftovers(): ProcessInfo[] {
    const {table, self} = this.#options;
    const processes = table
      .pids()
      .map((pid) => table.read(pid))
      .filter((process) => process !== undefined)
      .filter(({pid, zombie}) => !zombie && pid !== self);
    const own = this.#ownSession;
    const sessions = new Set(
      processes.filter(({pid, session}) => session !== own && this.#isLeftover(pid)).map(({session}) => session),
    );
    return processes.filter(({session}) => sessions.has(session));
  }

  #isLeftover(pid: number): boolean {
    const environment = this.#options.table.environment(pid);
    if (environment?.some((line) => line.startsWith(`${MARKER_VARIABLE}=`)) !== true) return false;
    const directory = this.#options.table.workingDirectory(pid);
    return this.#options.workspaceRoot.some(
      (root) =>
        (directory !== undefined && isUnder(root, directory)) || environment.some((line) => line.includes(`=${root}/`)),
    );
  }

  #look(): void {
    const {table, clock, self} = this.#options;
    const now = clock.monotonic();
    const pids = table.pids();
    const present = new Set(pids);
    for (const pid of this.#known.keys()) if (!present.has(pid)) this.#known.delete(pid);
    const read = new Map<number, ProcessInfo>();
    for (const pid of pids) {
      const known = this.#known.get(pid);
      const foreign = known?.owner === 'foreign';
      if (pid === self || (foreign && now - known.since < foreignTrustMs)) continue;
      const process = table.read(pid);
      if (process === undefined) continue;
      if (known !== undefined && known.startTime !== process.startTime) this.#known.delete(pid);
      else if (foreign) {
        this.#known.set(pid, {...known, since: now});
        continue;
      }
      read.set(pid, process);
    }
    const alive: Sighting[] = [];
    for (const process of read.values()) {
      const {owner, since} = this.#classify(process, read, now, 0);
      if (owner !== 'foreign' && !process.zombie) alive.push({process, owner, since});
    }
    this.#alive = alive;
    this.#pruneSessions();
  }

  /** Finds the owner of a process, and of its ancestors on the way. */
  #classify(process: ProcessInfo, read: ReadonlyMap<number, ProcessInfo>, now: number, depth: number): Known {
    const known = this.#known.get(process.pid);
    if (known !== undefined) return known;
    const owner = this.#owner(process, read, now, depth);
    const entry: Known = {startTime: process.startTime, owner, since: now};
    this.#known.set(process.pid, entry);
    if (typeof owner === 'object') this.#sessions.set(process.session, owner);
    return entry;
  }

  #owner(process: ProcessInfo, read: ReadonlyMap<number, ProcessInfo>, now: number, depth: number): Owner {
    const {self} = this.#options;
    if (process.session === this.#ownSession) return 'foreign'; // programs are never in the server's session
    const main = this.#byPid.get(process.pid);
    if (main !== undefined) return main.owner;
    const bySession = this.#sessions.get(process.session);
    if (bySession !== undefined) return bySession;
    // Orphans are given to process 1; every other server has only children that it made.
    if (process.parent === self && self !== 1) return 'foreign';
    const parent = read.get(process.parent);
    // A pid is only ever its own ancestor through a race with its reuse.
    const parentOwner =
      parent === undefined || depth > 64
        ? this.#known.get(process.parent)?.owner
        : this.#classify(parent, read, now, depth + 1).owner;
    if (typeof parentOwner === 'object') return parentOwner;
    const orphan = this.#isReaper(process.parent);
    const byEvidence = this.#byEvidence(process.pid, orphan);
    if (byEvidence !== undefined) return byEvidence;
    if (parentOwner === 'stray' || (orphan && this.#ownsPidNamespace)) return 'stray';
    return 'foreign';
  }

  /** Whether orphans are given to this process. */
  #isReaper(pid: number): boolean {
    if (pid === 1) return true;
    return this.#options.table.read(pid)?.name.startsWith('systemd') === true;
  }

  #byEvidence(pid: number, orphan: boolean): {readonly id: string} | undefined {
    const {table} = this.#options;
    const environment = table.environment(pid);
    const prefix = `${MARKER_VARIABLE}=`;
    const marker = environment?.find((line) => line.startsWith(prefix))?.slice(prefix.length);
    const marked = marker === undefined ? undefined : this.#tracked.get(marker);
    if (marked !== undefined) return marked.owner;
    if (this.#tracked.size === 0) return undefined;
    const outputs = table.outputs(pid);
    // Somebody's shell may look around in a workspace; an orphan there was left by a program.
    const directory = orphan ? table.workingDirectory(pid) : undefined;
    for (const {owner, ...traces} of this.#tracked.values()) {
      if (traces.outputs.some((output) => outputs.includes(output))) return owner;
      if (directory !== undefined && isUnder(traces.workingDirectory, directory)) return owner;
    }
    return undefined;
  }

  /** Forgets sessions without processes: their numbers will be given to others. */
  #pruneSessions(): void {
    const used = new Set(this.#alive.map(({process}) => process.session));
    for (const session of this.#sessions.keys()) {
      if (!used.has(session) && !this.#byPid.has(session)) this.#sessions.delete(session);
    }
  }
}

/** Whether a container was started for this server alone. */
function ownsPidNamespace(table: ProcessTable, self: number): boolean {
  if (self === 1) return true;
  return table.read(self)?.parent === 1 && containerInits.has(table.read(1)?.name ?? '');
}

function isUnder(directory: string, path: string): boolean {
  return path === directory || path.startsWith(`${directory}/`) || path === `${directory} (deleted)`;
}
