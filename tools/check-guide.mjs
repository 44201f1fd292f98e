// Executes every command of docs/development.md, as a reader in the root of a clone pastes them: first the block that
// sets up the shell, then each of the others in a shell of its own.
import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';

const guide = 'docs/development.md';
const blocks = [...readFileSync(guide, 'utf8').matchAll(/^```sh\n(.*?)^```$/gms)].map(([, text]) => text);
const [setUp, ...snippets] = blocks;
if (snippets.length === 0) {
  console.error(`${guide} has no commands: this check has lost its subject`);
  process.exit(1);
}
for (const snippet of snippets) {
  console.log(`$ ${snippet.trim()}`);
  const {status, stdout, stderr} = spawnSync('bash', ['-euo', 'pipefail', '-c', `${setUp}\n${snippet}`], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    timeout: 300_000,
  });
  if (status === 0) continue;
  console.error(`exit code ${status}:\n${stdout}${stderr}`);
  process.exit(1);
}
