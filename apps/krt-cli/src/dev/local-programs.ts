import {existsSync} from 'node:fs';
import {access} from 'node:fs/promises';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {ImageMap} from './node/image-map.ts';

/** The apps, as they are built. */
const appNames = ['controller', 'scheduler', 'runtimed', 'bash-runtime', 'runtime-maintainer'] as const;
export type AppName = (typeof appNames)[number];

/** Command line of each app, to which arguments are added. */
export type LocalPrograms = Readonly<Record<AppName, readonly string[]>>;

const repositoryRoot = fileURLToPath(new URL('../../../../', import.meta.url));

/** What the chart deploys as it stands there. */
const chartFiles = join(repositoryRoot, 'charts', 'kruntimes', 'files');

/** What the published krt carries beside itself; see tools/bundle-dev.mjs. There is none where it runs from its sources. */
const carried = fileURLToPath(new URL('./dev/', import.meta.url));
const isPublished = existsSync(join(carried, 'kruntimes-apiserver', 'main.js'));

/** Folder of the Go module that pins etcd and kube-apiserver. */
export const kubeModule = join(repositoryRoot, 'tools', 'kube');

/** What an app may do on the API server, as it is deployed. */
export function rbacManifest(app: AppName): string {
  return isPublished ? join(carried, app, 'rbac.yaml') : join(chartFiles, 'rbac', `${app}.yaml`);
}

/** The policies that confine the identities of Runtime Pods, as they are deployed. */
export const admissionManifests = isPublished ? join(carried, 'admission') : join(chartFiles, 'admission');

/** Command line of the API server; undefined: the one that is installed. */
export const apiServerProgram: readonly string[] | undefined = isPublished
  ? [process.execPath, '--disable-warning=ExperimentalWarning', join(carried, 'kruntimes-apiserver', 'main.js')]
  : undefined;

/** The bundles of this repository, or those that krt carries. @throws when one is not built. */
export async function builtPrograms(): Promise<LocalPrograms> {
  const commands = await Promise.all(
    appNames.map(async (app) => {
      const bundle = isPublished ? join(carried, app, 'main.js') : join(repositoryRoot, 'apps', app, 'dist', 'main.js');
      await access(bundle).catch(() => {
        throw new Error(`${bundle} is missing: run "pnpm turbo run build" first`);
      });
      return [app, [process.execPath, bundle]] as const;
    }),
  );
  return Object.fromEntries(commands) as unknown as LocalPrograms;
}

/** The images that a local node knows, by the names of the published ones. */
export function imagesOf(programs: LocalPrograms): ImageMap {
  return {
    'kruntimes-runtimed': {command: programs.runtimed},
    'kruntimes-bash-runtime': {command: programs['bash-runtime']},
    'kruntimes-runtime-maintainer': {command: programs['runtime-maintainer']},
  };
}
