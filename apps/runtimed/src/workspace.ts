import {closeSync, constants, open as openCallback, writeFileSync} from 'node:fs';
import {mkdir, realpath} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {promisify} from 'node:util';
import type {Clock} from '@kruntimes/reconciler-kit';
import {DirectoryHandle} from './directory-handle.ts';
import {RuntimedError, systemErrorCode} from './errors.ts';
import type {Outputs} from './outputs.ts';
import {readOutputsFile} from './outputs-file.ts';
import {splitRelativePath} from './relative-path.ts';
import {removeTree} from './tree-removal.ts';

/** Names in a workspace. All but `outputs` are directories. */
const entryNames = {work: 'work', home: 'home', tmp: 'tmp', artifacts: 'artifacts', outputs: 'outputs'} as const;

/** Absolute paths of a workspace, as the program sees them. */
export type WorkspacePaths = Readonly<Record<keyof typeof entryNames, string>>;

const open = promisify(openCallback);

const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** What `workspaceName` of api-types makes of a Run's UID and an attempt. */
const workspacePattern = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}-[1-9][0-9]{0,9}$/;

/** The directory of workspaces: `<root>/<uid>-<attempt>/{work,home,tmp,artifacts,outputs}`, each open to its owner only. */
export class WorkspaceRoot implements Disposable {
  readonly path: string;
  readonly #handle: DirectoryHandle;
  readonly #clock: Clock;

  private constructor(path: string, handle: DirectoryHandle, clock: Clock) {
    this.path = path;
    this.#handle = handle;
    this.#clock = clock;
  }

  /** Opens the root, which must be there already. */
  static async open(path: string, clock: Clock): Promise<WorkspaceRoot> {
    // The last part of a configured path may well be a symlink.
    const resolved = await realpath(path);
    return new WorkspaceRoot(resolved, DirectoryHandle.open(resolved), clock);
  }

  /**
   * Makes the workspace of an attempt. Its directory is made exclusively, and that is the record that this attempt was
   * begun: whoever finds it after a restart knows that the program may have run.
   *
   * @throws RuntimedError `WORKSPACE_EXISTS`; system errors of the file system, after which nothing is left behind
   */
  async create(name: string): Promise<Workspace> {
    try {
      await mkdir(this.#handle.path(name), {mode: 0o700});
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
      throw new RuntimedError('WORKSPACE_EXISTS', `workspace ${name} exists already`, {cause: error});
    }
    try {
      const workspace = this.#open(name);
      try {
        await workspace.populate();
        return workspace;
      } catch (error) {
        workspace.close();
        throw error;
      }
    } catch (error) {
      await removeTree(this.#handle, name, this.#clock);
      throw error;
    }
  }

  /** Opens a workspace of an earlier process; `undefined` when there is none. */
  reopen(name: string): Workspace | undefined {
    try {
      return this.#open(name);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
      throw error;
    }
  }

  /** Names of the workspaces that are there. */
  async names(): Promise<string[]> {
    const names: string[] = [];
    for await (const bytes of this.#handle.names()) {
      const name = bytes.toString();
      if (workspacePattern.test(name)) names.push(name);
    }
    return names;
  }

  /**
   * Removes a workspace and whatever user code put there; nothing happens when it is gone.
   *
   * @param name its own, or that to which it was moved
   */
  remove(name: string | Buffer): Promise<void> {
    return removeTree(this.#handle, name, this.#clock);
  }

  #open(name: string): Workspace {
    return new Workspace(name, join(this.path, name), this.#handle.openDirectory(name));
  }

  close(): void {
    this.#handle.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The directory of one attempt. It is reached by an open handle: user code that moves it away moves nothing else in. */
export class Workspace {
  readonly name: string;
  readonly paths: WorkspacePaths;
  readonly #root: string;
  readonly #handle: DirectoryHandle;

  constructor(name: string, path: string, handle: DirectoryHandle) {
    this.name = name;
    this.#root = dirname(path);
    this.paths = {
      work: join(path, entryNames.work),
      home: join(path, entryNames.home),
      tmp: join(path, entryNames.tmp),
      artifacts: join(path, entryNames.artifacts),
      outputs: join(path, entryNames.outputs),
    };
    this.#handle = handle;
  }

  /** @internal Makes the entries of a new workspace. */
  async populate(): Promise<void> {
    const directories = [entryNames.work, entryNames.home, entryNames.tmp, entryNames.artifacts];
    await Promise.all([
      ...directories.map((name) => mkdir(this.#handle.path(name), {mode: 0o700})),
      writeNewFile(this.#handle, entryNames.outputs, '', 0o600),
    ]);
  }

  /**
   * Writes a new file below `work`, with the directories above it.
   *
   * @param path relative to `work`; see {@link splitRelativePath}
   * @throws RuntimedError `PATH_INVALID`; `SOURCE_INVALID` when the path, or one of its directories, is a file already
   */
  async writeSourceFile(path: string, content: string, mode: number): Promise<void> {
    const {directories, name} = splitRelativePath(path);
    let directory = this.#handle.openDirectory(entryNames.work);
    try {
      for (const segment of directories) {
        await makeDirectory(directory, segment);
        const next = directory.openDirectory(segment);
        directory.close();
        directory = next;
      }
      await writeNewFile(directory, name, content, mode);
    } catch (error) {
      const code = systemErrorCode(error);
      if (code !== 'EEXIST' && code !== 'ENOTDIR' && code !== 'ELOOP') throw error;
      throw new RuntimedError('SOURCE_INVALID', `two files of the source collide at ${path}`, {cause: error});
    } finally {
      directory.close();
    }
  }

  /** Opens `work`, to write a tree of files into it. */
  openWork(): DirectoryHandle {
    return this.#handle.openDirectory(entryNames.work);
  }

  /** Makes `work` anew, without anything in it. */
  async emptyWork(clock: Clock): Promise<void> {
    await removeTree(this.#handle, entryNames.work, clock);
    await mkdir(this.#handle.path(entryNames.work), {mode: 0o700});
  }

  readOutputs(): Outputs {
    return readOutputsFile(this.#handle, entryNames.outputs);
  }

  /** Whether the program left artifacts; `no directory` when it put something else there. Takes microseconds. */
  artifactsLeft(): 'nothing' | 'directory' | 'no directory' {
    try {
      using artifacts = this.#handle.openDirectory(entryNames.artifacts);
      return artifacts.isEmpty() ? 'nothing' : 'directory';
    } catch (error) {
      return systemErrorCode(error) === 'ENOENT' ? 'nothing' : 'no directory';
    }
  }

  /** The directory of artifacts by way of the open workspace: valid while it is open, whoever renames what. */
  artifactsPath(): Buffer {
    return this.#handle.path(entryNames.artifacts);
  }

  /** The entry of the workspace root that it is now, if its program has moved it there. */
  movedTo(): Buffer | undefined {
    const path = this.#handle.currentPath();
    if (path === undefined) return undefined;
    const slash = path.lastIndexOf('/');
    const entry = path.subarray(slash + 1);
    const isInRoot = path.subarray(0, slash).toString() === this.#root;
    return isInRoot && entry.toString() !== this.name ? entry : undefined;
  }

  /** When the workspace was made, in milliseconds since the epoch; user code cannot set it back. */
  createdAt(): number {
    return this.#handle.stat().birthtimeMs;
  }

  close(): void {
    this.#handle.close();
  }
}

async function makeDirectory(parent: DirectoryHandle, name: string): Promise<void> {
  try {
    await mkdir(parent.path(name), {mode: 0o700});
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}

/** Waits for the disk only where the file is made; what is written goes to memory first. */
async function writeNewFile(parent: DirectoryHandle, name: string, content: string, mode: number): Promise<void> {
  const fd = await open(parent.path(name), createFlags, mode);
  try {
    if (content !== '') writeFileSync(fd, content);
  } finally {
    closeSync(fd);
  }
}
