// Bundles an app into one ESM file, from the app's folder:
//   node tools/bundle.mjs src/main.ts [dist/main.js]
// or into one small file per entry and chunks that are loaded when they are needed, for programs that must start fast:
//   node tools/bundle.mjs --split src/main.ts src/other.ts
// With --in-cluster, as always with one file, the log-in plugins of kubeconfigs are left out.

import {readFileSync} from 'node:fs';
import {chmod, rm} from 'node:fs/promises';
import {basename, join} from 'node:path';
import {parseArgs} from 'node:util';
import {build} from 'esbuild';

const {values, positionals} = parseArgs({
  options: {split: {type: 'boolean', default: false}, 'in-cluster': {type: 'boolean', default: false}},
  allowPositionals: true,
});
const {split} = values;
const [entry, outfile = 'dist/main.js'] = positionals;
if (!entry) {
  console.error('usage: node tools/bundle.mjs ENTRY [OUTFILE] | --split ENTRY...');
  process.exit(2);
}

/**
 * undici's entry loads fetch, WebSocket, mocks and more: 30 ms and 15 MB that a program with a pool of connections has no
 * use for. reconciler-kit gets just what it imports; the version is pinned, and any other import fails the build.
 */
const undiciPool = {
  name: 'undici-pool',
  setup(bundler) {
    bundler.onResolve({filter: /^undici$/}, ({importer, resolveDir}) =>
      importer.includes('/packages/reconciler-kit/')
        ? {path: 'undici-pool', namespace: 'undici', pluginData: resolveDir}
        : null,
    );
    bundler.onLoad({filter: /.*/, namespace: 'undici'}, ({pluginData}) => ({
      contents: `export {default as Pool} from 'undici/lib/dispatcher/pool.js';
        export {default as buildConnector} from 'undici/lib/core/connect.js';`,
      resolveDir: pluginData,
    }));
  },
};

/** grpc-js wants it for channelz, and for services that are read from .proto files when the program runs; ours are not. */
const noProtoLoader = {
  name: 'no-proto-loader',
  setup(bundler) {
    bundler.onResolve({filter: /^@grpc\/proto-loader$/}, () => ({path: 'proto-loader', namespace: 'left-out'}));
    bundler.onLoad({filter: /.*/, namespace: 'left-out'}, () => ({
      contents: `exports.loadSync = () => { throw new Error('@grpc/proto-loader is not part of this bundle'); };`,
    }));
  },
};

// An entry that has one keeps it.
const hashbang = readFileSync(entry, 'utf8').startsWith('#!') ? '' : '#!/usr/bin/env node\n';
const shared = {
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node22',
  conditions: ['development'],
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'linked',
  sourcemap: 'linked',
  sourcesContent: false,
  // CommonJS dependencies call require for Node's own modules.
  banner: {
    js: `${hashbang}import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);`,
  },
  plugins: [undiciPool, noProtoLoader],
  logLevel: 'warning',
};
// Log-in plugins of a kubeconfig are for people: a program in a Pod has a token, and would carry 6 MB for nothing.
const inCluster = {external: ['@kubernetes/client-node']};
if (split) {
  // Names of chunks change with their content: old ones would stay.
  await rm('dist', {recursive: true, force: true});
  await build({
    ...shared,
    ...(values['in-cluster'] ? inCluster : {minifyIdentifiers: true}),
    entryPoints: positionals,
    outdir: 'dist',
    splitting: true,
  });
  for (const each of positionals) await chmod(join('dist', basename(each).replace(/\.ts$/, '.js')), 0o755);
} else {
  await build({...shared, ...inCluster, entryPoints: [entry], outfile});
  await chmod(outfile, 0o755);
}
