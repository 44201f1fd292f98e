/** An image: what it is called, which program it starts, and how large it may get. */
export interface ImageDefinition {
  /** Of the repository, without registry. */
  name: string;
  /** Folder below apps/. */
  app: string;
  /** Stage of the Dockerfile. */
  target: 'minimal' | 'system';
  /** Debian packages beside those of the base, for `system`. */
  packages: readonly string[];
  title: string;
  description: string;
  /** Bound of all layers together, not compressed. */
  maxMebibytes: number;
}

const minimal = (
  app: string,
  name: string,
  title: string,
  description: string,
  maxMebibytes = 145,
): ImageDefinition => ({
  name,
  app,
  target: 'minimal',
  packages: [],
  title,
  description,
  maxMebibytes,
});

/** A Node of 121 MiB is in each of them; containers of one node share it. */
export const IMAGES: readonly ImageDefinition[] = [
  minimal('controller', 'kruntimes-controller', 'kruntimes controller', 'Keeps Runtimes and finished Runs in order'),
  minimal('scheduler', 'kruntimes-scheduler', 'kruntimes scheduler', 'Binds Runs to free slots of Runtime Pods'),
  minimal(
    'runtime-maintainer',
    'kruntimes-runtime-maintainer',
    'kruntimes runtime-maintainer',
    'Deletes and serves the artifacts of Runs',
  ),
  minimal('krt-cli', 'kruntimes-krt', 'krt', 'The command line of kruntimes', 160),
  {
    name: 'kruntimes-runtimed',
    app: 'runtimed',
    target: 'system',
    packages: ['ca-certificates', 'git', 'openssh-client', 'tini'],
    title: 'kruntimes runtimed',
    description: 'The sidecar of Runtime Pods: prepares, executes and reports Runs',
    maxMebibytes: 310,
  },
  {
    name: 'kruntimes-bash-runtime',
    app: 'bash-runtime',
    target: 'system',
    packages: [
      'bash',
      'ca-certificates',
      'curl',
      'git',
      'gzip',
      'jq',
      'openssh-client',
      'procps',
      'tar',
      'tini',
      'unzip',
    ],
    title: 'kruntimes bash-runtime',
    description: 'The Runtime that executes scripts',
    maxMebibytes: 315,
  },
];
