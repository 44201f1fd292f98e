import {run} from '@kruntimes/command';

/** One file of an image, as its layers leave it. */
export interface ImageFile {
  path: string;
  /** `-`, `d`, `l`, ... as ls shows it. */
  type: string;
  /** Permissions with setuid, setgid and sticky bits. */
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  /** Name of the layer it is in. */
  layer: string;
}

export interface ImageConfig {
  architecture: string;
  created?: string;
  config: {
    User?: string;
    Entrypoint?: string[];
    Cmd?: string[];
    Env?: string[];
    WorkingDir?: string;
    Labels?: Record<string, string>;
  };
}

/** An image in an archive as `docker save` writes it. */
export class ImageArchive {
  readonly path: string;
  readonly config: ImageConfig;
  /** `sha256:...` of the configuration: what an engine calls the image's ID. */
  readonly id: string;
  readonly tags: readonly string[];
  readonly files: ReadonlyMap<string, ImageFile>;

  private constructor(
    path: string,
    parts: {config: ImageConfig; id: string; tags: readonly string[]; files: Map<string, ImageFile>},
  ) {
    this.path = path;
    this.config = parts.config;
    this.id = parts.id;
    this.tags = parts.tags;
    this.files = parts.files;
  }

  static async open(path: string): Promise<ImageArchive> {
    const [manifest] = JSON.parse(await run('tar', ['-xOf', path, 'manifest.json'])) as {
      Config: string;
      RepoTags: string[];
      Layers: string[];
    }[];
    if (!manifest) throw new Error(`${path} has no image`);
    const config = JSON.parse(await run('tar', ['-xOf', path, manifest.Config])) as ImageConfig;
    const files = new Map<string, ImageFile>();
    for (const layer of manifest.Layers) {
      const script = 'tar -xOf "$1" "$2" | tar -tv --numeric-owner --quoting-style=literal';
      const listing = await run('sh', ['-euc', script, 'list', path, layer], {timeoutMs: 300_000});
      for (const line of listing.split('\n')) if (line !== '') apply(files, parseLine(line, layer));
    }
    const digest = /([0-9a-f]{64})/.exec(manifest.Config)?.[1] ?? '';
    return new ImageArchive(path, {config, id: `sha256:${digest}`, tags: manifest.RepoTags, files});
  }

  /** All files together, as they lie unpacked. */
  get sizeBytes(): number {
    return [...this.files.values()].reduce((sum, {sizeBytes}) => sum + sizeBytes, 0);
  }

  /** Content of a file, undefined where there is none. */
  async read(path: string): Promise<string | undefined> {
    const file = this.files.get(path);
    if (!file) return undefined;
    const script = 'tar -xOf "$1" "$2" | tar -xO "$3" 2>/dev/null || tar -xOf "$1" "$2" | tar -xO "./$3"';
    return await run('sh', ['-c', script, 'read', this.path, file.layer, path]);
  }
}

function apply(files: Map<string, ImageFile>, file: ImageFile): void {
  const {path} = file;
  const slash = path.lastIndexOf('/');
  const [folder, name] = [path.slice(0, slash + 1), path.slice(slash + 1)];
  // What a later layer takes away from earlier ones.
  if (name === '.wh..wh..opq') {
    for (const each of files.values())
      if (each.path.startsWith(folder) && each.layer !== file.layer) files.delete(each.path);
  } else if (name.startsWith('.wh.')) {
    const gone = folder + name.slice(4);
    for (const each of files.keys()) if (each === gone || each.startsWith(`${gone}/`)) files.delete(each);
  } else files.set(path, file);
}

function parseLine(line: string, layer: string): ImageFile {
  const [, letters = '', uid, gid, size, , rest = ''] =
    /^(\S{10})\s+(\d+)\/(\d+)\s+([\d,]+)\s+(\S+ \S+) (.*)$/.exec(line) ?? [];
  if (letters === '') throw new Error(`tar lists a file in an unknown way: ${line}`);
  const type = letters[0]!;
  const name = type === 'l' ? rest.split(' -> ')[0]! : type === 'h' ? rest.split(' link to ')[0]! : rest;
  const path = name.replace(/^\.?\//, '').replace(/\/$/, '');
  const sizeBytes = type === '-' ? Number(size) : 0;
  return {path, type, mode: modeOf(letters.slice(1)), uid: Number(uid), gid: Number(gid), sizeBytes, layer};
}

/** @param letters as in `rwsr-xr-t` */
function modeOf(letters: string): number {
  let mode = 0;
  for (const [index, letter] of letters.split('').entries()) {
    if (letter !== '-' && letter !== 'S' && letter !== 'T') mode |= 1 << (8 - index);
    if (letter === 's' || letter === 'S') mode |= index === 2 ? 0o4000 : 0o2000;
    if (letter === 't' || letter === 'T') mode |= 0o1000;
  }
  return mode;
}
