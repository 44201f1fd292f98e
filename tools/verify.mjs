// Everything that must hold before a change is merged, as named steps with a summary at the end.
//
// Usage: node tools/verify.mjs [--except STEP[,STEP]] [STEP ...]      (all steps by default)
import {spawnSync} from 'node:child_process';

const exec = process.execPath;
/** Exit status of a step that could not look, as opposed to one that looked and found nothing. */
const NOT_CHECKED = 3;

const steps = {
  format: ['biome', 'check', '--error-on-warnings', '.'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  types: ['tsc', '--noEmit', '-p', 'tsconfig.json'],
  generated: [exec, 'tools/check-generated.mjs'],
  proto: ['pnpm', '--filter', '@kruntimes/runtime-protocol', 'run', 'check:generated'],
  build: ['turbo', 'run', 'build', '--output-logs=errors-only'],
  boundaries: [exec, 'tools/check-boundaries.mjs'],
  unused: ['knip'],
  exports: [exec, 'tools/check-exports.mjs'],
  size: ['size-limit'],
  licences: [exec, 'tools/check-licences.mjs'],
  secrets: ['secretlint', '--secretlintignore', '.gitignore', '**/*'],
  guide: [exec, 'tools/check-guide.mjs'],
  audit: [exec, 'tools/audit.mjs'],
  test: [exec, 'tools/test.mjs', 'unit', 'kube'],
};

const {names, error} = parse(process.argv.slice(2));
if (error) {
  console.error(
    `verify: ${error}\nusage: node tools/verify.mjs [--except STEP[,STEP]] [STEP ...]\nsteps: ${Object.keys(steps).join(' ')}`,
  );
  process.exit(2);
}

const results = names.map((name) => {
  console.log(`\n── ${name}`);
  const started = Date.now();
  const [command, ...args] = steps[name];
  const {status, error: failure} = spawnSync(command, args, {stdio: 'inherit'});
  if (failure) console.error(`verify: ${command}: ${failure.message}`);
  const verdict = status === 0 ? 'ok' : status === NOT_CHECKED ? 'not checked' : 'FAILED';
  return {name, verdict, seconds: (Date.now() - started) / 1000};
});

console.log('\n── summary');
for (const {name, verdict, seconds} of results)
  console.log(`${name.padEnd(12)} ${verdict.padEnd(12)} ${seconds.toFixed(1)} s`);
process.exit(results.some(({verdict}) => verdict === 'FAILED') ? 1 : 0);

function parse(args) {
  const all = Object.keys(steps);
  const at = args.indexOf('--except');
  const except = at === -1 ? [] : (args.splice(at, 2)[1] ?? '').split(',');
  const unknown = [...args, ...except].filter((name) => !all.includes(name));
  if (unknown.length > 0) return {error: `no step is called ${unknown.join(', ')}`};
  return {names: (args.length > 0 ? args : all).filter((name) => !except.includes(name))};
}
