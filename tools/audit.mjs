// Known vulnerabilities: npm dependencies (high and critical) and, for the Go module that builds the test tools, govulncheck.
//
// Exit status: 0 nothing found, 1 found, 3 not checked (a database could not be reached). With --require, not checked
// is a failure: that is how the merge gate calls it.
import {spawnSync} from 'node:child_process';

const require = process.argv.includes('--require');
const GOVULNCHECK = 'golang.org/x/vuln/cmd/govulncheck@v1.9.0';
const results = [npm(), go()];
for (const {what, verdict, detail} of results) console.log(`${what}: ${verdict}${detail ? ` (${detail})` : ''}`);
const found = results.some(({verdict}) => verdict === 'vulnerable');
const unchecked = results.some(({verdict}) => verdict === 'not checked');
process.exit(found || (unchecked && require) ? 1 : unchecked ? 3 : 0);

function npm() {
  const what = 'npm dependencies';
  const run = spawnSync('pnpm', ['audit', '--audit-level', 'high', '--json'], {encoding: 'utf8', timeout: 120_000});
  try {
    const {metadata} = JSON.parse(run.stdout);
    const {high, critical} = metadata.vulnerabilities;
    if (high + critical === 0)
      return {what, verdict: 'nothing found', detail: `${metadata.totalDependencies ?? 'all'} dependencies`};
    return {what, verdict: 'vulnerable', detail: `${high} high, ${critical} critical: see pnpm audit`};
  } catch {
    return {what, verdict: 'not checked', detail: reason(run, 'the advisory database could not be reached')};
  }
}

function go() {
  const what = 'Go tools module';
  const args = ['run', GOVULNCHECK, '-scan', 'module'];
  const run = spawnSync('go', args, {cwd: 'tools/kube', encoding: 'utf8', timeout: 300_000});
  if (run.error?.code === 'ENOENT') return {what, verdict: 'not checked', detail: 'no Go on this machine'};
  if (run.status === 0) return {what, verdict: 'nothing found'};
  // govulncheck itself exits with 3 when it found something; `go run` reports that as "exit status 3".
  if (/exit status 3/.test(run.stderr)) {
    console.error(run.stdout);
    return {what, verdict: 'vulnerable', detail: 'see above'};
  }
  return {what, verdict: 'not checked', detail: reason(run, 'the vulnerability database could not be reached')};
}

/** The first line that says what went wrong, without addresses: they tell the reader nothing and may be private. */
function reason(run, otherwise) {
  if (run.error) return run.error.message;
  const lines = `${run.stdout ?? ''}\n${run.stderr ?? ''}`.split('\n');
  const line = lines.find((entry) =>
    /responded with|ENOTFOUND|ECONNREFUSED|Forbidden|dial tcp|timed? ?out|not available/i.test(entry),
  );
  if (!line) return otherwise;
  const text = line
    .replace(/^.*?(The audit endpoint)/, '$1')
    .replace(/^.*: reading /, 'govulncheck could not be fetched: ')
    .replaceAll(/\(at [^)]*\)|https?:\/\/\S+|[",]/g, '');
  return text.replaceAll(/\s+/g, ' ').trim().slice(0, 160);
}
