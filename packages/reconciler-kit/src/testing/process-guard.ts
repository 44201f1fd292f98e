import {type ChildProcess, spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {once} from 'node:events';

/**
 * Ends processes and removes directories when this process goes away, however it goes: a small child waits on a pipe,
 * whose end the kernel closes even after `kill -9`. What it ends: every process given to {@link add} with all its
 * descendants, and (on Linux, where it can be seen) every process that carries {@link environment} or whose working
 * directory is below a directory given to {@link addDirectory}.
 */
export class ProcessGuard {
  /** To be part of the environment of each guarded process; its own children inherit it. */
  readonly environment: Readonly<Record<string, string>>;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor() {
    const mark = randomUUID();
    this.environment = {PROCESS_GUARD: mark};
    this.#child = spawn(process.execPath, ['--max-old-space-size=32', '-e', guardProgram, mark], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Out of the terminal's process group: Ctrl-C is for its parent, and then for it to clean up after.
      detached: true,
      env: {},
    });
    this.#exited = once(this.#child, 'exit');
    this.#exited.catch(() => {});
    // Writing to a guard that somebody killed must not take its owner down.
    this.#child.stdin!.on('error', () => {});
    this.#child.unref();
    (this.#child.stdin as unknown as {unref?(): void}).unref?.();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Takes a child under guard until it exits. It should have been started with {@link environment}. */
  add(child: ChildProcess): void {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    this.#send('+', String(child.pid));
    // A number that is forgotten at once is never the number of somebody else's process later.
    child.once('exit', () => this.#send('-', String(child.pid)));
  }

  addDirectory(path: string): void {
    this.#send('d', path);
  }

  /** Ends what is still there, removes the directories, and waits until that is done. */
  async close(): Promise<void> {
    this.#child.ref();
    this.#child.stdin!.end();
    await this.#exited;
  }

  #send(kind: '+' | '-' | 'd', value: string): void {
    this.#child.stdin!.write(`${kind}${value}\n`);
  }
}

/** Runs in the child; plain JavaScript, so that it needs neither a file of its own nor a compiler. */
const guardProgram = `
const fs = require('node:fs'), {execFileSync} = require('node:child_process');
const mark = 'PROCESS_GUARD=' + process.argv[1], pids = new Set(), directories = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
const table = () => {
  if (!fs.existsSync('/proc/self/stat'))
    return execFileSync('ps', ['-A', '-o', 'pid=,ppid='], {encoding: 'utf8'}).trim().split('\\n')
      .map(line => line.trim().split(/\\s+/).map(Number)).map(([pid, parent]) => ({pid, parent, marked: false}));
  const read = path => { try { return fs.readFileSync(path, 'latin1'); } catch { return ''; } };
  const cwd = pid => { try { return fs.readlinkSync('/proc/' + pid + '/cwd'); } catch { return ''; } };
  return fs.readdirSync('/proc').filter(name => /^[0-9]+$/.test(name)).map(Number).map(pid => {
    const stat = read('/proc/' + pid + '/stat'), fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const at = cwd(pid);
    return {pid, parent: Number(fields[1]), dead: fields[0] === 'Z',
      marked: read('/proc/' + pid + '/environ').split('\\0').includes(mark)
        || directories.some(directory => at === directory || at.startsWith(directory + '/'))};
  });
};
const finish = () => {
  // A few rounds: a process may start another one while it is being looked for.
  for (let round = 0; round < 20; round++) {
    const all = table().filter(entry => !entry.dead && entry.pid !== process.pid && entry.pid > 1);
    const doomed = new Set(all.filter(entry => entry.marked || pids.has(entry.pid)).map(entry => entry.pid));
    for (let size = -1; size !== doomed.size;) {
      size = doomed.size;
      for (const entry of all) if (doomed.has(entry.parent)) doomed.add(entry.pid);
    }
    if (doomed.size === 0) break;
    for (const pid of doomed) try { process.kill(pid, 'SIGKILL'); } catch {}
    pids.clear();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
  for (const directory of directories) try { fs.rmSync(directory, {recursive: true, force: true, maxRetries: 5}); } catch {}
  process.exit(0);
};
let rest = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', chunk => {
  const lines = (rest + chunk).split('\\n');
  rest = lines.pop();
  for (const line of lines) {
    if (line[0] === '+') pids.add(Number(line.slice(1)));
    else if (line[0] === '-') pids.delete(Number(line.slice(1)));
    else if (line[0] === 'd') directories.push(line.slice(1));
  }
});
process.stdin.on('end', finish).on('error', finish);
`;
