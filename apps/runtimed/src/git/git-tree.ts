import {createHash, type Hash} from 'node:crypto';
import {RuntimedError} from '../errors.ts';
import {gitMessage} from './git-message.ts';
import {type GitCommand, GitProcess} from './git-process.ts';
import {type NewFile, shown, type TreeWriter} from './tree-writer.ts';

export interface TreeLimits {
  /** Of all files together. */
  maxBytes: number;
  maxFiles: number;
}

/** What a commit's tree says of one file. */
export interface TreeFile {
  readonly path: Buffer;
  readonly kind: 'file' | 'executable' | 'symlink' | 'submodule';
  /** 40 hexadecimal digits. */
  readonly id: string;
  readonly bytes: number;
}

const kinds: Readonly<Record<string, TreeFile['kind']>> = {
  '100644': 'file',
  '100664': 'file',
  '100755': 'executable',
  '120000': 'symlink',
  '160000': 'submodule',
};
const modes = {file: 0o644, executable: 0o755} as const;
const symlinkBytes = 4_095;

/**
 * The files of a commit. A tree that unfolds to more than the limits is noticed while it is listed, before anything of it
 * is written.
 *
 * @param command `git ls-tree -r -z -l` of the commit
 * @throws RuntimedError `GIT_FAILED`, `SOURCE_TOO_LARGE`, `SOURCE_INVALID`
 */
export async function listTree(command: GitCommand, limits: TreeLimits): Promise<TreeFile[]> {
  const git = new GitProcess(command);
  const files: TreeFile[] = [];
  let total = 0;
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of git.stdout) {
      rest = Buffer.concat([rest, chunk as Buffer]);
      let start = 0;
      for (let end = rest.indexOf(0, start); end !== -1; end = rest.indexOf(0, start)) {
        const file = treeFile(rest.subarray(start, end));
        total += file.bytes;
        files.push(file);
        start = end + 1;
        if (total > limits.maxBytes) throw tooLarge(`are larger than ${limits.maxBytes} bytes in all`);
        if (files.length > limits.maxFiles) throw tooLarge(`are more than ${limits.maxFiles}`);
      }
      rest = Buffer.from(rest.subarray(start));
    }
  } finally {
    git.kill();
  }
  const {exitCode, stderr} = await git.ended();
  command.signal.throwIfAborted();
  if (exitCode !== 0) throw new RuntimedError('GIT_FAILED', `git ls-tree: ${gitMessage(stderr, [])}`);
  return files;
}

function tooLarge(what: string): RuntimedError {
  return new RuntimedError('SOURCE_TOO_LARGE', `the files of the repository ${what}`);
}

/** `<mode> <type> <id> <size>\t<path>`, the size with blanks before it. */
function treeFile(record: Buffer): TreeFile {
  const tab = record.indexOf(0x09);
  const [mode = '', , id = '', size = ''] = record.toString('latin1', 0, tab).split(/ +/);
  const path = Buffer.from(record.subarray(tab + 1));
  const kind = kinds[mode];
  if (tab === -1 || kind === undefined || !/^[0-9a-f]{40}$/.test(id)) {
    throw new RuntimedError('SOURCE_INVALID', `the repository has an entry of an unknown kind at ${shown(path)}`);
  }
  checkName(path);
  return {path, kind, id, bytes: kind === 'submodule' ? 0 : Number(size)};
}

/** git itself refuses these when it checks out: what they would write is git's own directory, somewhere. */
function checkName(path: Buffer): void {
  for (const segment of path.toString('latin1').split('/')) {
    if (/^(?:\.git|git~1)[. ]*$/i.test(segment) || segment === '.' || segment === '..' || segment === '') {
      throw new RuntimedError('SOURCE_INVALID', `the repository has a file that no git would write: ${shown(path)}`);
    }
  }
}

/**
 * Writes the files of a tree, as they are in the repository: no filter, no conversion of line ends, no hook. Each one is
 * compared with its id. Symlinks come last and are not followed.
 *
 * @param command `git cat-file --batch --buffer`, without input
 * @throws RuntimedError `GIT_FAILED` when the repository is broken; `SOURCE_INVALID`; system errors of the file system
 */
export async function writeTree(command: GitCommand, files: readonly TreeFile[], writer: TreeWriter): Promise<void> {
  const blobs = files.filter(({kind}) => kind !== 'submodule');
  const ids = function* (): Generator<string> {
    for (const {id} of blobs) yield `${id}\n`;
  };
  const git = new GitProcess({...command, input: ids()});
  const reader = new BlobReader(blobs, writer);
  try {
    for await (const chunk of git.stdout) reader.read(chunk as Buffer);
  } finally {
    reader.close();
    git.kill();
  }
  command.signal.throwIfAborted();
  if (!reader.isComplete) {
    const {stderr} = await git.ended();
    throw new RuntimedError('GIT_FAILED', `git did not give all files: ${gitMessage(stderr, [])}`);
  }
  for (const {path, kind} of files) if (kind === 'submodule') writer.createDirectory(path);
  for (const [path, target] of reader.symlinks) writer.createSymlink(path, target);
}

/** Reads what `cat-file --batch` writes: `<id> blob <size>\n<content>\n` for each file in turn. */
class BlobReader {
  readonly symlinks: (readonly [path: Buffer, target: Buffer])[] = [];
  readonly #files: readonly TreeFile[];
  readonly #writer: TreeWriter;
  #index = 0;
  #header = '';
  #left = 0;
  #inBlob = false;
  #hash: Hash | undefined;
  #open: NewFile | undefined;
  #target: Buffer[] = [];

  constructor(files: readonly TreeFile[], writer: TreeWriter) {
    this.#files = files;
    this.#writer = writer;
  }

  get isComplete(): boolean {
    return this.#index === this.#files.length;
  }

  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) at = this.#inBlob ? this.#readBlob(chunk, at) : this.#readHeader(chunk, at);
  }

  close(): void {
    this.#open?.[Symbol.dispose]();
    this.#open = undefined;
  }

  #readHeader(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(0x0a, at);
    this.#header += chunk.toString('latin1', at, end === -1 ? undefined : end);
    if (this.#header.length > 200) throw broken();
    if (end === -1) return chunk.length;
    const [id, type, size = ''] = this.#header.split(' ');
    const file = this.#files[this.#index];
    if (file === undefined || id !== file.id || type !== 'blob' || Number(size) !== file.bytes) throw broken();
    this.#header = '';
    this.#left = file.bytes;
    this.#inBlob = true;
    this.#hash = createHash('sha1').update(`blob ${file.bytes}\0`);
    if (file.kind === 'file' || file.kind === 'executable') {
      this.#open = this.#writer.createFile(file.path, modes[file.kind]);
    } else if (file.bytes > symlinkBytes) {
      throw new RuntimedError('SOURCE_INVALID', `the repository has a symlink that is too long: ${shown(file.path)}`);
    }
    return end + 1;
  }

  #readBlob(chunk: Buffer, at: number): number {
    const data = chunk.subarray(at, at + this.#left);
    this.#hash?.update(data);
    if (this.#open === undefined) this.#target.push(Buffer.from(data));
    else this.#open.write(data);
    this.#left -= data.length;
    const end = at + data.length;
    if (this.#left > 0 || end === chunk.length) return end;
    // The newline after the content.
    this.#finish();
    return end + 1;
  }

  #finish(): void {
    const file = this.#files[this.#index];
    if (file === undefined || this.#hash?.digest('hex') !== file.id) throw broken();
    this.close();
    if (file.kind === 'symlink') {
      const target = Buffer.concat(this.#target);
      if (target.length === 0 || target.includes(0)) {
        throw new RuntimedError('SOURCE_INVALID', `the repository has a symlink to nowhere: ${shown(file.path)}`);
      }
      this.symlinks.push([file.path, target]);
      this.#target = [];
    }
    this.#inBlob = false;
    this.#index++;
  }
}

function broken(): RuntimedError {
  return new RuntimedError('GIT_FAILED', 'the fetched repository is damaged');
}
