// Regenerates every generated file and fails when that changes anything: the committed files must be current.
import {execFileSync, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {existsSync, readFileSync} from 'node:fs';

const before = snapshot();
const run = spawnSync('pnpm', ['--recursive', '--if-present', '--reporter=append-only', 'run', 'generate'], {
  stdio: 'inherit',
});
if (run.status !== 0) process.exit(1);
const after = snapshot();
const stale = [...new Set([...before.keys(), ...after.keys()])].filter((file) => before.get(file) !== after.get(file));
if (stale.length > 0) {
  console.error(`These generated files were not current (they are now; commit them):\n  ${stale.join('\n  ')}`);
  process.exit(1);
}
console.log('generated files are current');

/** Digest of every file that git tracks or would track. */
function snapshot() {
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  });
  const digest = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
  return new Map(
    files
      .split('\0')
      .filter((file) => file && existsSync(file))
      .map((file) => [file, digest(file)]),
  );
}
