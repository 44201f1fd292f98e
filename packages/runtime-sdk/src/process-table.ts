import {Buffer} from 'node:buffer';
import {closeSync, openSync, readdirSync, readlinkSync, readSync} from 'node:fs';

/** One process, as the kernel describes it. */
export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Ticks after boot at which it began; tells a reused pid from the old one. */
  readonly startTime: number;
  /** It has ended, and its parent has not asked for its end yet. */
  readonly zombie: boolean;
  readonly name: string;
}

/** What there is to know about the processes of this PID namespace. Every answer is undefined once the process is gone. */
export interface ProcessTable {
  pids(): number[];
  read(pid: number): ProcessInfo | undefined;
  /** `NAME=value` lines, as they were when the process started its program. */
  environment(pid: number): readonly string[] | undefined;
  workingDirectory(pid: number): string | undefined;
  /** Where standard output and standard error lead. */
  outputs(pid: number): readonly string[];
}

const buffer = Buffer.allocUnsafe(128 * 1024);

/**
 * The processes in `/proc`.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html | proc_pid_stat(5)}
 */
export const procTable: ProcessTable = {
  pids: () => readdirSync('/proc').map(Number).filter(Number.isInteger),

  read(pid) {
    const text = readText(`/proc/${pid}/stat`);
    if (text === undefined) return undefined;
    // The name is in parentheses and may hold anything, more parentheses included.
    const open = text.indexOf('(');
    const close = text.lastIndexOf(')');
    const fields = text.slice(close + 2).split(' ');
    const [state = '', parent, group, session] = fields;
    return {
      pid,
      parent: Number(parent),
      group: Number(group),
      session: Number(session),
      startTime: Number(fields[19]),
      zombie: state === 'Z' || state === 'X' || state === 'x',
      name: text.slice(open + 1, close),
    };
  },

  environment: (pid) => readText(`/proc/${pid}/environ`)?.split('\0'),

  workingDirectory: (pid) => readLink(`/proc/${pid}/cwd`),

  outputs: (pid) => [1, 2].map((fd) => readLink(`/proc/${pid}/fd/${fd}`)).filter((link) => link !== undefined),
};

/** The first 128 KiB of a file of `/proc`; undefined when it can't be read, since its process is gone or not ours. */
function readText(path: string): string | undefined {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    return buffer.toString('latin1', 0, readSync(file, buffer));
  } catch {
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
