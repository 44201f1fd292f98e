// Generates packages/runtime-protocol/src/gen from the proto files.
//   node proto/generate.mjs            write it
//   node proto/generate.mjs --check    compare it with what is committed; lint, format and breaking changes too
import {execFileSync, spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import process from 'node:process';

const root = resolve(import.meta.dirname, '..');
const target = join(root, 'packages/runtime-protocol');
const env = {...process.env, PATH: `${join(target, 'node_modules/.bin')}:${process.env.PATH}`};

/** Runs a command in the package's folder; its output is the user's to read. */
function run(command, args) {
  const {status, error} = spawnSync(command, args, {cwd: target, env, stdio: 'inherit'});
  if (error) throw error;
  return status === 0;
}

function generate(...args) {
  return run('buf', ['generate', '../../proto', '--template', '../../proto/buf.gen.yaml', ...args]);
}

/** The main branch to compare with: a clone of one branch knows it only as origin's. */
function baseline() {
  for (const branch of ['origin/main', 'main']) {
    const {status} = spawnSync('git', ['cat-file', '-e', `${branch}:proto/buf.yaml`], {cwd: root, stdio: 'ignore'});
    if (status === 0) return branch;
  }
  return undefined;
}

function check() {
  const failures = [];
  if (!run('buf', ['lint', '../../proto'])) failures.push('buf lint found problems');
  if (!run('buf', ['format', '--diff', '--exit-code', '../../proto'])) {
    failures.push('proto files are not formatted: buf format -w proto');
  }
  const base = baseline();
  if (base === undefined) {
    console.log('buf breaking: not checked, because no main branch with proto/buf.yaml is known to this clone');
  } else {
    const commit = execFileSync('git', ['rev-parse', base], {cwd: root, encoding: 'utf8'}).trim();
    const against = `${root}/.git#ref=${commit},subdir=proto`;
    if (!run('buf', ['breaking', '../../proto', '--against', against]))
      failures.push(`breaking change against ${base}`);
  }
  const directory = mkdtempSync(join(tmpdir(), 'kruntimes-proto-'));
  try {
    if (!generate('--output', directory)) failures.push('buf generate failed');
    else if (!run('git', ['--no-pager', 'diff', '--no-index', '--exit-code', 'src/gen', join(directory, 'src/gen')])) {
      failures.push('src/gen differs from what the proto files generate: node --run generate');
    }
  } finally {
    rmSync(directory, {recursive: true, force: true});
  }
  for (const failure of failures) console.error(failure);
  return failures.length === 0;
}

process.exitCode = (process.argv[2] === '--check' ? check() : generate()) ? 0 : 1;
