import {createHash} from 'node:crypto';
import {cp, link, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile} from 'node:fs/promises';
import {homedir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {run} from '@kruntimes/command';
import {installDebianPackages} from '@kruntimes/command/debian-packages';
import {debianComponents, npmComponents} from './components.ts';
import {ImageArchive} from './image-archive.ts';
import {IMAGES, type ImageDefinition} from './images.ts';
import {type Architecture, nodeProgram} from './node-program.ts';
import {describeImage, spdxProblems} from './spdx.ts';

export interface BuildImagesOptions {
  /** Default: the tag of the charts, their version. */
  tag?: string | undefined;
  /** Names of images; default all. */
  only?: readonly string[] | undefined;
  /** Where archives and bills of materials go, as NAME.tar and NAME.spdx.json. Default: deploy/images/dist. */
  output?: string | undefined;
  /** Instead of one made of Debian packages: an image that buildah can pull. */
  baseImage?: string | undefined;
  log?: (line: string) => void;
}

export interface BuiltImage {
  name: string;
  tag: string;
  /** As `docker save` writes it; its image is called NAME:TAG and NAME:latest. */
  archive: string;
  /** SPDX document. */
  sbom: string;
  /** Of all files. */
  sizeBytes: number;
  maxBytes: number;
  seconds: number;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const here = join(root, 'deploy', 'images');
const SUITE = 'bookworm';
const BASE = `localhost/kruntimes-base:${SUITE}`;

/** What {@link buildImages} calls the version where nothing else is said. */
export async function chartVersion(): Promise<string> {
  const {version} = JSON.parse(await readFile(join(root, 'charts', 'package.json'), 'utf8')) as {version: string};
  return version;
}

/**
 * Builds images from the bundles in apps/NAME/dist, with buildah and without any registry: the base is made of Debian packages.
 *
 * @throws Error when an image is larger than it may be
 */
export async function buildImages(options: BuildImagesOptions = {}): Promise<BuiltImage[]> {
  const log = options.log ?? ((line: string) => process.stderr.write(`${line}\n`));
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    throw new Error('Building images needs Linux and root, to give files their owners: use sudo.');
  const packages = {buildah: 'buildah', mmdebstrap: 'mmdebstrap', skopeo: 'skopeo'};
  await installDebianPackages({subject: 'Building images', packages, log});
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'kruntimes', 'images');
  const builder = new Builder({
    cache,
    output: options.output ?? join(here, 'dist'),
    tag: options.tag ?? (await chartVersion()),
    architecture: hostArchitecture(),
    created: new Date(Number(process.env['SOURCE_DATE_EPOCH'] ?? 0) * 1000),
    revision: (await run('git', ['-C', root, 'rev-parse', 'HEAD']).catch(() => 'unknown')).trim(),
  });
  await mkdir(builder.settings.output, {recursive: true});
  const wanted = IMAGES.filter(({name}) => options.only?.includes(name) ?? true);
  const built: BuiltImage[] = [];
  try {
    const baseImage = options.baseImage ?? (await builder.makeBase(log));
    for (const image of wanted) {
      built.push(await builder.build(image, baseImage));
      log(describeBuilt(built.at(-1)!));
    }
  } finally {
    await builder.unmount();
  }
  const tooLarge = built.filter(({sizeBytes, maxBytes}) => sizeBytes > maxBytes);
  if (tooLarge.length > 0)
    throw new Error(`These images are larger than images.ts allows: ${tooLarge.map(({name}) => name).join(', ')}.`);
  return built;
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

export function describeBuilt({name, tag, sizeBytes, maxBytes, seconds}: BuiltImage): string {
  return `${`${name}:${tag}`.padEnd(40)} ${mebibytes(sizeBytes).padStart(8)} of ${mebibytes(maxBytes)}, ${seconds.toFixed(1)} s`;
}

export function hostArchitecture(): Architecture {
  return process.arch === 'arm64' ? 'arm64' : 'amd64';
}

interface BuilderSettings {
  cache: string;
  output: string;
  tag: string;
  architecture: Architecture;
  /** Of all files and of the images: the same sources make the same image. */
  created: Date;
  revision: string;
}

class Builder {
  readonly settings: BuilderSettings;

  constructor(settings: BuilderSettings) {
    this.settings = settings;
  }

  /** An image of Debian's essential packages and apt, without documentation: in the cache, else made. */
  async makeBase(log: (line: string) => void): Promise<string> {
    const {cache, architecture} = this.settings;
    const excluded = ['man', 'locale', 'doc'].map((folder) => `--dpkgopt=path-exclude=/usr/share/${folder}/*`);
    const options = [
      '--quiet',
      '--variant=apt',
      '--include=usr-is-merged',
      '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
      ...excluded,
      '--dpkgopt=path-include=/usr/share/doc/*/copyright',
      // Engines make devices.
      '--skip=output/dev',
    ];
    const digest = createHash('sha256').update(options.join('\0')).digest('hex').slice(0, 12);
    const archive = join(cache, `${SUITE}-${architecture}-${digest}.tar`);
    if (!(await exists(archive))) {
      log('making the base image of Debian packages; it stays in the cache');
      await mkdir(cache, {recursive: true});
      const unfinished = `${archive}.${process.pid}.tar`;
      await run('mmdebstrap', [...options, SUITE, unfinished], {timeoutMs: 900_000});
      await rename(unfinished, archive);
    }
    const context = await mkdtemp(join(cache, 'base-'));
    try {
      await link(archive, join(context, 'rootfs.tar'));
      await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nADD rootfs.tar /\nCMD ["bash"]\n');
      await this.#buildah('bud', '--quiet', '--layers', '--timestamp=0', `--tag=${BASE}`, context);
    } finally {
      await rm(context, {recursive: true});
    }
    return BASE;
  }

  async build(image: ImageDefinition, baseImage: string): Promise<BuiltImage> {
    const {cache, output, tag, architecture, created, revision} = this.settings;
    const started = performance.now();
    const dist = join(root, 'apps', image.app, 'dist');
    const node = await nodeProgram(architecture, cache);
    const context = await mkdtemp(join(cache, 'context-'));
    const local = `localhost/${image.name}:${tag}`;
    try {
      await prepareContext(context, dist, {[architecture]: node.path});
      const seconds = String(created.getTime() / 1000);
      await this.#buildah(
        'bud',
        '--quiet',
        '--layers',
        `--timestamp=${seconds}`,
        `--file=${join(here, 'Dockerfile')}`,
        `--target=${image.target}`,
        `--tag=${local}`,
        ...buildArguments(image, {tag, architecture, created, revision, baseImage}).map(
          (each) => `--build-arg=${each}`,
        ),
        context,
      );
    } finally {
      await rm(context, {recursive: true});
    }
    const archive = join(output, `${image.name}.tar`);
    await rm(archive, {force: true});
    const storage = `containers-storage:[overlay@${cache}/storage+${cache}/run]${local}`;
    const names = [
      '--additional-tag',
      `${image.name}:latest`,
      storage,
      `docker-archive:${archive}:${image.name}:${tag}`,
    ];
    await run('skopeo', ['--insecure-policy', 'copy', '--quiet', ...names], {timeoutMs: 300_000});
    const sbom = join(output, `${image.name}.spdx.json`);
    const opened = await ImageArchive.open(archive);
    await writeBill(sbom, image, dist, opened, {tag, created, node});
    return {
      name: image.name,
      tag,
      archive,
      sbom,
      sizeBytes: opened.sizeBytes,
      maxBytes: image.maxMebibytes * 2 ** 20,
      seconds: (performance.now() - started) / 1000,
    };
  }

  /** Buildah leaves the layers that it used mounted. */
  async unmount(): Promise<void> {
    const {cache} = this.settings;
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    const places = mounts.split('\n').map((line) => line.split(' ')[4] ?? '');
    // The innermost first.
    for (const place of places.reverse())
      if (place.startsWith(join(cache, 'storage', '/'))) await run('umount', [place]);
    // Here it counts them.
    await rm(join(cache, 'run'), {recursive: true, force: true});
  }

  async #buildah(...args: string[]): Promise<void> {
    const {cache} = this.settings;
    const env = {...process.env, STORAGE_DRIVER: 'overlay', BUILDAH_ISOLATION: 'chroot'};
    const storage = ['--root', join(cache, 'storage'), '--runroot', join(cache, 'run')];
    await run('buildah', [...storage, ...args], {env, timeoutMs: 900_000});
  }
}

interface Manifest {
  name: string;
  version: string;
  license: string;
  type: string;
}

/** What the Dockerfile copies: the bundle without source maps, the licences, and Node for each processor. */
export async function prepareContext(
  context: string,
  dist: string,
  nodes: Readonly<Partial<Record<Architecture, string>>>,
): Promise<void> {
  await cp(dist, join(context, 'app', 'dist'), {recursive: true, filter: (path) => !path.endsWith('.map')});
  const {name, version, license, type} = JSON.parse(
    await readFile(join(dist, '..', 'package.json'), 'utf8'),
  ) as Manifest;
  await writeFile(join(context, 'app', 'package.json'), JSON.stringify({name, version, license, type}));
  await mkdir(join(context, 'licences'));
  for (const file of ['LICENSE', 'NOTICE']) await cp(join(root, file), join(context, 'licences', file));
  for (const [architecture, path] of Object.entries(nodes)) await cp(path, join(context, `node-${architecture}`));
}

export interface BuildArguments {
  tag: string;
  /** Undefined: the engine says it. */
  architecture?: Architecture | undefined;
  created: Date;
  revision: string;
  baseImage?: string | undefined;
}

/** Those of the Dockerfile, as NAME=VALUE. */
export function buildArguments(image: ImageDefinition, options: BuildArguments): string[] {
  const {tag, architecture, created, revision, baseImage} = options;
  return [
    ...(baseImage === undefined ? [] : [`BASE_IMAGE=${baseImage}`]),
    ...(architecture === undefined ? [] : [`TARGETARCH=${architecture}`]),
    ...(image.packages.length > 0 ? [`PACKAGES=${image.packages.join(' ')}`] : []),
    `TITLE=${image.title}`,
    `DESCRIPTION=${image.description}`,
    `VERSION=${tag}`,
    `REVISION=${revision}`,
    `CREATED=${created.toISOString()}`,
  ];
}

async function writeBill(
  path: string,
  image: ImageDefinition,
  dist: string,
  archive: ImageArchive,
  {tag, created, node}: {tag: string; created: Date; node: {version: string; packageName: string}},
): Promise<void> {
  const components = [
    ...(await debianComponents(archive)),
    ...(await npmComponents(root, dist)),
    {name: 'node', version: node.version, license: 'MIT', purl: `pkg:npm/${node.packageName}@${node.version}`},
  ];
  const document = describeImage({name: image.name, version: tag, imageId: archive.id, created, components});
  const problems = spdxProblems(document);
  if (problems.length > 0)
    throw new Error(`The bill of materials of ${image.name} is not valid: ${problems.join('; ')}.`);
  await mkdir(dirname(path), {recursive: true});
  await writeFile(path, `${JSON.stringify(document, undefined, 2)}\n`);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
