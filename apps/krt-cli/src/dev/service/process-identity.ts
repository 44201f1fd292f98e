import {execFile} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import {promisify} from 'node:util';

/**
 * When a process was started, as far as the system tells: a number is given again, but not with the same start.
 * Undefined where there is no such process.
 */
export async function startOfProcess(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'latin1');
    // The second field is the program's name in parentheses, with any characters in it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    if (process.platform === 'linux') return undefined;
  }
  const ps = promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
  const printed = await ps.then(
    ({stdout}) => stdout.trim(),
    () => '',
  );
  return printed === '' ? undefined : printed;
}
