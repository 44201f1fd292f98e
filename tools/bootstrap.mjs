// Makes a fresh clone ready and runs a command in it: node tools/bootstrap.mjs COMMAND [ARG ...]
//
// Needs Node 20, npm and git, nothing else. It installs the pinned pnpm (and Node 24, where the machine's Node is older)
// from tools/toolchain into node_modules/.toolchain, then the workspace's dependencies. A step whose inputs have not
// changed since it last succeeded is skipped. This file runs on the machine's own Node and imports nothing of the workspace.
import {spawn, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {constants} from 'node:os';
import {delimiter, dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const toolchain = join(root, 'node_modules', '.toolchain');
const bin = join(toolchain, 'node_modules', '.bin');
const requiredNodeMajor = 24;

const env = cleanEnvironment();
installToolchain();
installDependencies();
run(process.argv.slice(2));

function cleanEnvironment() {
  // Settings that npm passes to its scripts would be taken by pnpm for its own.
  const cleaned = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
  return {
    ...cleaned,
    NODE_USE_SYSTEM_CA: '1',
    PATH: [bin, join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter),
  };
}

function installToolchain() {
  const source = join(root, 'tools', 'toolchain');
  const stamp = hash([join(source, 'package.json'), join(source, 'package-lock.json')]);
  step('toolchain', stamp, 'installing the toolchain (pnpm and Node 24)', () => {
    rmSync(toolchain, {recursive: true, force: true});
    mkdirSync(toolchain, {recursive: true});
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(source, file), join(toolchain, file));
    const npm = ['npm', 'ci', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    must(npm, {cwd: toolchain});
    requireNode();
  });
}

function requireNode() {
  const found = spawnSync('node', ['--version'], {env, encoding: 'utf8'}).stdout?.trim() ?? 'none';
  if (Number(/^v(\d+)/.exec(found)?.[1] ?? 0) >= requiredNodeMajor) return;
  fail(
    `This needs Node ${requiredNodeMajor} or newer; found ${found}, and there is no prebuilt Node for ` +
      `${process.platform}-${process.arch} in tools/toolchain. Install Node ${requiredNodeMajor} and try again.`,
  );
}

function installDependencies() {
  const manifests = ['packages', 'apps'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => join(root, folder, name, 'package.json')),
  );
  const inputs = [
    'package.json',
    'pnpm-workspace.yaml',
    'pnpm-lock.yaml',
    'integration/package.json',
    'e2e/package.json',
  ]
    .map((file) => join(root, file))
    .concat(manifests)
    .filter((file) => existsSync(file));
  step('dependencies', hash(inputs), 'installing dependencies', () =>
    must(['pnpm', 'install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only'], {
      cwd: root,
      env: {...env, CI: 'true'},
    }),
  );
}

/** Runs `action` unless it already succeeded for the same inputs. */
function step(name, stamp, title, action) {
  const file = join(root, 'node_modules', `.stamp-${name}`);
  if (existsSync(file) && readFileSync(file, 'utf8') === stamp) return;
  console.error(`bootstrap: ${title} …`);
  const started = Date.now();
  action();
  writeFileSync(file, stamp);
  console.error(`bootstrap: done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

function hash(files) {
  const digest = createHash('sha256');
  for (const file of [...files].sort())
    digest.update(file.slice(root.length)).update('\0').update(readFileSync(file)).update('\0');
  return digest.digest('hex');
}

function must([command, ...args], options) {
  // Its output goes to standard error, so that the command's own standard output stays clean.
  const result = spawnSync(command, args, {env, stdio: ['ignore', 2, 2], ...options});
  if (result.error) fail(`${command} could not be started: ${result.error.message}`);
  if (result.status !== 0)
    fail(`${command} ${args[0]} failed (exit ${result.status ?? result.signal}); its messages stand above.`);
}

function fail(message) {
  console.error(`bootstrap: ${message}`);
  process.exit(1);
}

function run([command, ...args]) {
  if (!command) return;
  const child = spawn(command, args, {cwd: root, env, stdio: 'inherit'});
  child.on('error', (error) => fail(`${command} could not be started: ${error.message}`));
  // A terminal sends Ctrl-C to the whole group: passing it on would deliver it twice.
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm does not pass SIGTERM on to its scripts: when it is gone, so are we.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid !== parent) child.kill('SIGTERM');
  }, 500);
  watch.unref();
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}
