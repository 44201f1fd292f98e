/** What runs on this machine in the place of a container image. */
export interface LocalProgram {
  /** The image's ENTRYPOINT. */
  command: readonly string[];
  /** The image's ENV. */
  env?: Readonly<Record<string, string>>;
}

/** Local programs by the name of an image, without registry, repository path, tag and digest. */
export type ImageMap = Readonly<Record<string, LocalProgram>>;

/** `registry:5000/team/kruntimes-bash-runtime:latest@sha256:…` → `kruntimes-bash-runtime` */
export function imageName(image: string): string {
  const path = image.split('@')[0] ?? '';
  const last = path.slice(path.lastIndexOf('/') + 1);
  return last.split(':')[0] ?? '';
}

export function findProgram(images: ImageMap, image: string): LocalProgram | undefined {
  const name = imageName(image);
  return Object.hasOwn(images, name) ? images[name] : undefined;
}
