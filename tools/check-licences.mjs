// Every production dependency must carry a licence that can be distributed with Apache-2.0.
import {execFileSync} from 'node:child_process';

const compatible = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Python-2.0',
  'Unlicense',
]);
const output = execFileSync('pnpm', ['licenses', 'list', '--prod', '--json', '--recursive'], {
  encoding: 'utf8',
  maxBuffer: 64 << 20,
});
const byLicence = JSON.parse(output);
let count = 0;
const refused = [];
for (const [licence, packages] of Object.entries(byLicence)) {
  count += packages.length;
  const needed = licence.replaceAll(/[()]/g, '').split(/\s+AND\s+/);
  const fine = needed.every((part) => part.split(/\s+OR\s+/).some((choice) => compatible.has(choice.trim())));
  if (!fine) refused.push(...packages.map(({name}) => `${name}: ${licence}`));
}
if (refused.length > 0) {
  console.error(`Licences that are not known to be compatible with Apache-2.0:\n  ${refused.join('\n  ')}`);
  process.exit(1);
}
console.log(`${count} production dependencies, all under compatible licences`);
