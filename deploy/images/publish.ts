// Builds the images for several processors with docker buildx and pushes them to a registry, unless their tag is there:
//   node deploy/images/publish.ts --repository REGISTRY/PATH --platform linux/amd64,linux/arm64
// BASE_IMAGE must name the base by digest. SOURCE_DATE_EPOCH is the time of the commit.
import {mkdtemp, rm} from 'node:fs/promises';
import {homedir, tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseArgs} from 'node:util';
import {command, run} from '@kruntimes/command';
import {buildArguments, chartVersion, prepareContext} from './build-images.ts';
import {IMAGES} from './images.ts';
import {type Architecture, nodeProgram} from './node-program.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const {values} = parseArgs({
  options: {repository: {type: 'string'}, platform: {type: 'string', default: 'linux/amd64,linux/arm64'}},
});
const {repository, platform} = values;
const baseImage = process.env['BASE_IMAGE'] ?? '';
if (repository === undefined || !/@sha256:[0-9a-f]{64}$/.test(baseImage)) {
  console.error(
    'usage: BASE_IMAGE=NAME@sha256:... node deploy/images/publish.ts --repository REGISTRY/PATH [--platform ...]',
  );
  process.exit(2);
}

const tag = await chartVersion();
const seconds = (await run('git', ['-C', root, 'log', '-1', '--format=%ct'])).trim();
const created = new Date(Number(seconds) * 1000);
const revision = (await run('git', ['-C', root, 'rev-parse', 'HEAD'])).trim();
const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'kruntimes', 'images');
const architectures = platform.split(',').map((each) => each.replace('linux/', '') as Architecture);
const nodes: Partial<Record<Architecture, string>> = {};
for (const architecture of architectures) nodes[architecture] = (await nodeProgram(architecture, cache)).path;

for (const image of IMAGES) {
  const name = `${repository}/${image.name}:${tag}`;
  // A version is published once.
  if ((await command('docker', ['buildx', 'imagetools', 'inspect', name])).code === 0) {
    console.log(`${name} is there`);
    continue;
  }
  const context = await mkdtemp(join(tmpdir(), 'kruntimes-image-'));
  try {
    await prepareContext(context, join(root, 'apps', image.app, 'dist'), nodes);
    const settings = buildArguments(image, {tag, created, revision, baseImage});
    await run(
      'docker',
      [
        'buildx',
        'build',
        `--file=${join(root, 'deploy', 'images', 'Dockerfile')}`,
        `--target=${image.target}`,
        `--platform=${platform}`,
        `--tag=${name}`,
        '--sbom=true',
        '--provenance=mode=max',
        '--push',
        ...settings.map((setting) => `--build-arg=${setting}`),
        context,
      ],
      {env: {...process.env, SOURCE_DATE_EPOCH: seconds}, timeoutMs: 3_600_000},
    );
    console.log(`${name} is published`);
  } finally {
    await rm(context, {recursive: true});
  }
}
