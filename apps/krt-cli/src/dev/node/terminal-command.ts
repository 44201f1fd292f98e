import {execFile, execFileSync} from 'node:child_process';
import type {Readable} from 'node:stream';
import type {TerminalSize} from './remote-streams.ts';

/** File descriptor on which the shell in the terminal says who and where it is. */
const CONTROL = 3;

let available: boolean | undefined;

/** Why there are no terminals here; undefined where there are. Node has none of its own: `script` of util-linux makes them. */
export function noTerminals(path = process.env['PATH']): string | undefined {
  available ??= isUtilLinux(path);
  return available
    ? undefined
    : 'a local node makes terminals with script(1) of util-linux, which is not installed here: do without -t';
}

function isUtilLinux(path: string | undefined): boolean {
  try {
    const options = {encoding: 'utf8', env: {PATH: path}, stdio: 'pipe', timeout: 10_000} as const;
    return execFileSync('script', ['--version'], options).includes('util-linux');
  } catch {
    return false;
  }
}

interface TerminalCommand {
  program: string;
  args: string[];
  environment: Record<string, string>;
}

/** The command line that runs another one in a terminal. */
export function terminalCommand(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  {columns, rows}: TerminalSize,
): TerminalCommand {
  const shell = env['SHELL'] === undefined ? 'unset SHELL' : `SHELL=${quoted(env['SHELL'])}`;
  const line = [
    `stty rows ${rows} cols ${columns}`,
    `echo "$$ $(tty)" >&${CONTROL}`,
    `exec ${CONTROL}>&-`,
    shell,
    `exec ${command.map(quoted).join(' ')}`,
  ].join('; ');
  return {
    program: 'script',
    args: ['-qefc', line, '/dev/null'],
    // The shell that reads the line.
    environment: {TERM: 'xterm', ...env, SHELL: '/bin/sh'},
  };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** What is known of a terminal once the shell in it has told. */
export class TerminalControl {
  /** Leader of the terminal's session. */
  pid: number | undefined;
  #path: string | undefined;
  #size: TerminalSize | undefined;
  #resizing = Promise.resolve();

  constructor(told: Readable) {
    let text = '';
    told.setEncoding('utf8');
    told.on('error', () => {});
    told.on('data', (chunk: string) => {
      text += chunk;
      const match = /^(\d+) (\/dev\/\S+)\n/.exec(text);
      if (!match) return;
      this.pid = Number(match[1]);
      this.#path = match[2];
      if (this.#size !== undefined) this.resize(this.#size);
    });
  }

  /** Programs in the terminal get SIGWINCH. */
  resize(size: TerminalSize): void {
    this.#size = size;
    const path = this.#path;
    if (path === undefined) return;
    // One after the other, and only the last of those that wait.
    this.#resizing = this.#resizing.then(async () => {
      if (this.#size !== size) return;
      const option = process.platform === 'linux' ? '-F' : '-f';
      await new Promise<void>((resolve) => {
        const args = [option, path, 'rows', String(size.rows), 'cols', String(size.columns)];
        execFile('stty', args, () => resolve());
      });
    });
  }
}
