// Builds the images of kruntimes, with their bills of materials, into deploy/images/dist:
//   npm run images -- [--tag TAG] [--base-image IMAGE] [NAME ...]
// It needs Linux with buildah, skopeo and mmdebstrap, which it installs where it is root and there is apt.
import {parseArgs} from 'node:util';
import {buildImages} from './build-images.ts';

const {values, positionals} = parseArgs({
  options: {tag: {type: 'string'}, 'base-image': {type: 'string'}, output: {type: 'string'}},
  allowPositionals: true,
});
try {
  const only = positionals.length > 0 ? positionals : undefined;
  await buildImages({tag: values.tag, baseImage: values['base-image'], output: values.output, only});
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
