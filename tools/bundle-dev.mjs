// Puts beside the bundle of krt what `krt dev` starts: the API server, the apps, their permissions and the policies.
// Called by the build of apps/krt-cli, in its folder, when the apps are built.
import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync} from 'node:fs';
import {basename, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join('dist', 'dev');
const chartFiles = join(root, 'charts', 'kruntimes', 'files');
const apps = ['controller', 'scheduler', 'runtimed', 'bash-runtime', 'runtime-maintainer'];

const server = join(target, 'kruntimes-apiserver', 'main.js');
const sources = join(root, 'packages', 'apiserver-kit', 'src', 'main.ts');
const {status} = spawnSync(process.execPath, [join(root, 'tools', 'bundle.mjs'), sources, server], {stdio: 'inherit'});
if (status !== 0) process.exit(1);

for (const app of apps) {
  const folder = join(target, app);
  mkdirSync(folder, {recursive: true});
  const isMap = (path) => basename(path).endsWith('.map');
  cpSync(join(root, 'apps', app, 'dist'), folder, {recursive: true, filter: (path) => !isMap(path)});
  const permissions = join(chartFiles, 'rbac', `${app}.yaml`);
  if (existsSync(permissions)) cpSync(permissions, join(folder, 'rbac.yaml'));
}
cpSync(join(chartFiles, 'admission'), join(target, 'admission'), {recursive: true});
