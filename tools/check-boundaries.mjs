// Dependencies point one way: apps -> packages, and among packages only as this table says. Undeclared imports and
// imports of another package's internals are found by `turbo boundaries`.
import {spawnSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';

/** What a package may use of ours. A package that is not listed may use nothing of ours. */
const allowed = {
  'reconciler-kit': ['apiserver-kit'],
  'runtime-sdk': ['runtime-protocol'],
};
const scope = '@kruntimes/';
const packages = readdirSync('packages');
const problems = [];

for (const name of packages) check('packages', name, allowed[name] ?? []);
for (const name of readdirSync('apps')) check('apps', name, packages);

if (problems.length > 0) {
  console.error(problems.join('\n'));
  process.exit(1);
}
process.exit(spawnSync('turbo', ['boundaries'], {stdio: 'inherit'}).status ?? 1);

function check(folder, name, mayUse) {
  const manifest = JSON.parse(readFileSync(`${folder}/${name}/package.json`, 'utf8'));
  // Development dependencies count for packages: a cycle through a test is a cycle.
  const own = Object.keys({
    ...manifest.dependencies,
    ...manifest.peerDependencies,
    ...(folder === 'packages' ? manifest.devDependencies : {}),
  })
    .filter((dependency) => dependency.startsWith(scope))
    .map((dependency) => dependency.slice(scope.length));
  for (const dependency of own) {
    if (!mayUse.includes(dependency))
      problems.push(
        `${folder}/${name} must not depend on ${scope}${dependency} (tools/check-boundaries.mjs says what may)`,
      );
  }
}
