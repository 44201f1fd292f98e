// Builds what the tests start as processes, runs the tests, and ends with the line "N passed, N failed".
//
// Usage: node tools/test.mjs PROJECT [PROJECT ...] [JEST ARGUMENT ...]      (projects: see jest.config.mjs)
import {spawn, spawnSync} from 'node:child_process';
import {existsSync, mkdtempSync, readFileSync, rmSync, watch} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

/** After its report jest only has to end. If it does not, a test left something running, and that is a failure. */
const EXIT_PATIENCE_MS = 60_000;

const firstOption = process.argv.findIndex((argument, index) => index > 1 && argument.startsWith('-'));
const projects = process.argv.slice(2, firstOption === -1 ? undefined : firstOption);
const options = firstOption === -1 ? [] : process.argv.slice(firstOption);
if (projects.length === 0) {
  console.error('test: name at least one project of jest.config.mjs, as in: node tools/test.mjs unit kube');
  process.exit(2);
}

const build = spawnSync('turbo', ['run', 'build', '--output-logs=errors-only', '--log-order=grouped'], {
  stdio: 'inherit',
});
if (build.status !== 0) {
  console.error('test: the build failed; its messages stand above.');
  process.exit(1);
}

const scratch = mkdtempSync(join(tmpdir(), 'kruntimes-test-'));
const report = join(scratch, 'report.json');
const jest = await runJest();
const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : undefined;
rmSync(scratch, {recursive: true, force: true});
if (!result) {
  console.error('test: jest ended without a report.');
  process.exit(1);
}
if (jest.hung) console.error('test: jest did not end after its report: a test left something running.');
// A suite that could not be loaded or cleaned up has failed, whatever its tests say.
const failed = result.numFailedTests + result.numRuntimeErrorTestSuites + (jest.hung ? 1 : 0);
const skipped = result.numPendingTests + result.numTodoTests;
console.log(`${result.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(jest.code === 0 && failed === 0 && result.numPassedTests > 0 ? 0 : 1);

async function runJest() {
  const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  // One suite at a time: those of one run share a kube-apiserver. In a process of its own, which the limit causes, so that
  // what one leaves behind neither disturbs the next nor keeps the run from ending.
  const selection = [
    '--selectProjects',
    ...projects,
    '--maxWorkers=1',
    '--workerIdleMemoryLimit=1GB',
    '--json',
    `--outputFile=${report}`,
  ];
  const args = ['node_modules/jest/bin/jest.js', ...selection, ...options];
  // With --json jest prints the report on standard output as well: the file is enough.
  // A group of its own: jest does not end its workers when it is ended.
  const child = spawn(process.execPath, [...flags, ...args], {stdio: ['ignore', 'ignore', 'inherit'], detached: true});
  const end = (signal) => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, signal);
    } catch (error) {
      // It has ended.
      if (error.code !== 'ESRCH') throw error;
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);
  let hung = false;
  let patience;
  const watcher = watch(scratch, () => {
    patience ??= setTimeout(() => {
      hung = true;
      end('SIGKILL');
    }, EXIT_PATIENCE_MS);
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  watcher.close();
  clearTimeout(patience);
  return {code, hung};
}
