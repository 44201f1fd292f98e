import {createHash} from 'node:crypto';
import {copyFile, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {run} from '@kruntimes/command';

/** Writes an image that consists of one program, in the form of `docker save`. */
export async function writePauseImage(program: string, image: string, target: string): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), 'pause-image-'));
  try {
    await copyFile(program, join(work, 'pause'));
    const owner = ['--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
    await run('tar', ['-cf', join(work, 'layer.tar'), ...owner, '-C', work, 'pause']);
    const layer = createHash('sha256').update(await readFile(join(work, 'layer.tar')));
    const config = {
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {User: '65535:65535', Entrypoint: ['/pause']},
      rootfs: {type: 'layers', diff_ids: [`sha256:${layer.digest('hex')}`]},
    };
    await writeFile(join(work, 'config.json'), JSON.stringify(config));
    const manifest = [{Config: 'config.json', RepoTags: [image], Layers: ['layer.tar']}];
    await writeFile(join(work, 'manifest.json'), JSON.stringify(manifest));
    await run('tar', ['-cf', target, '-C', work, 'manifest.json', 'config.json', 'layer.tar']);
  } finally {
    await rm(work, {recursive: true});
  }
}
