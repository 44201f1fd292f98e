import {readdir, readFile} from 'node:fs/promises';
import {join} from 'node:path';
import type {ImageArchive} from './image-archive.ts';
import type {Component} from './spdx.ts';

/** Debian packages in an image, as dpkg knows them, or as they are noted where there is no dpkg. */
export async function debianComponents(archive: ImageArchive): Promise<Component[]> {
  const notes = [...archive.files.keys()].filter((path) => /^var\/lib\/dpkg\/status(?:\.d\/[^/]+)?$/.test(path));
  const texts = await Promise.all(notes.map((path) => archive.read(path)));
  const release =
    /^VERSION_CODENAME=(.*)$/m.exec((await archive.read(await osRelease(archive))) ?? '')?.[1] ?? 'unknown';
  return texts
    .flatMap((text) => (text ?? '').split(/\n\n+/))
    .map((paragraph) => {
      const field = (name: string): string => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1] ?? '';
      return {name: field('Package'), version: field('Version'), architecture: field('Architecture')};
    })
    .filter(({name}) => name !== '')
    .map(({name, version, architecture}) => ({
      name,
      version,
      purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${architecture}&distro=${release}`,
    }));
}

async function osRelease(archive: ImageArchive): Promise<string> {
  return archive.files.get('usr/lib/os-release') ? 'usr/lib/os-release' : 'etc/os-release';
}

interface Manifest {
  name: string;
  version: string;
  license?: string;
}

/** npm packages in a bundle, by its source maps: what is in no map is not in the bundle. */
export async function npmComponents(root: string, dist: string): Promise<Component[]> {
  const manifests = new Set<string>();
  for (const file of await readdir(dist, {recursive: true})) {
    if (!file.endsWith('.map')) continue;
    const {sources} = JSON.parse(await readFile(join(dist, file), 'utf8')) as {sources: string[]};
    for (const source of sources) {
      const [, stored] = /(node_modules\/\.pnpm\/[^/]+\/node_modules\/(?:@[^/]+\/)?[^@./][^/]*)\//.exec(source) ?? [];
      const [, ours] = /(?:^|\/)((?:packages|apps)\/[^/]+)\//.exec(source) ?? [];
      const folder = stored ?? ours;
      if (folder !== undefined) manifests.add(join(root, folder, 'package.json'));
    }
  }
  const found = new Map<string, Component>();
  for (const path of manifests) {
    const {name, version, license} = JSON.parse(await readFile(path, 'utf8')) as Manifest;
    const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
    found.set(purl, {name, version, license, purl});
  }
  return [...found.values()];
}
