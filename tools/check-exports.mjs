// Packs every publishable package and checks the archive as a stranger would install it: publint and attw.
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {publishable} from './publishable.mjs';

const scratch = mkdtempSync(join(tmpdir(), 'kruntimes-pack-'));
let failed = false;
try {
  for (const {name, folder} of publishable()) {
    const destination = mkdtempSync(join(scratch, 'p-'));
    run('pnpm', ['pack', '--silent', '--pack-destination', destination], folder);
    const archive = join(destination, readdirSync(destination)[0]);
    console.log(name);
    run('publint', ['run', archive, '--strict']);
    run('attw', ['--profile', 'esm-only', '--format', 'ascii', '--quiet', archive]);
  }
} finally {
  rmSync(scratch, {recursive: true, force: true});
}
process.exit(failed ? 1 : 0);

function run(command, args, cwd) {
  const {status} = spawnSync(command, args, {cwd, stdio: 'inherit'});
  if (status !== 0) failed = true;
}
