import {readdirSync, readFileSync, readlinkSync} from 'node:fs';

/** Pids of living processes that have a text in their command line, or work under a directory. */
export function livingProcesses(traces: {text?: string; directory?: string}): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .filter((pid) => {
      try {
        if (readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')) return false;
        if (traces.text !== undefined && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(traces.text)) {
          return true;
        }
        return traces.directory !== undefined && readlinkSync(`/proc/${pid}/cwd`).startsWith(traces.directory);
      } catch {
        return false; // it ended while it was looked at
      }
    });
}
