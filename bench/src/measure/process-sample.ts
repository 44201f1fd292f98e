import {readFile} from 'node:fs/promises';
import {residentMiB} from '../process-usage.ts';

/** Ticks of /proc are hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Processes by what they are. */
export type ProcessGroups = Readonly<Record<string, readonly number[]>>;

/** Of one group of processes. */
export interface ProcessSample {
  /** Processor time of the group since their start, with that of children that have ended and were waited for. */
  cpuSeconds: number;
  /** Of the largest of them. */
  residentMiB: number;
}

export async function sampleProcesses(groups: ProcessGroups): Promise<Record<string, ProcessSample>> {
  const samples = await Promise.all(
    Object.entries(groups).map(async ([name, pids]) => {
      const each = await Promise.all(pids.map(async (pid) => ({cpu: await cpuOf(pid), mib: await residentMiB([pid])})));
      const sample: ProcessSample = {
        cpuSeconds: each.reduce((sum, {cpu}) => sum + cpu, 0),
        // The server's storage is part of it; of Pods, each is one.
        residentMiB:
          name === 'server' ? each.reduce((sum, {mib}) => sum + mib, 0) : Math.max(0, ...each.map(({mib}) => mib)),
      };
      return [name, sample] as const;
    }),
  );
  return Object.fromEntries(samples);
}

/** Processor time that each group has used between two samples, in seconds. */
export function cpuBetween(
  before: Record<string, ProcessSample>,
  after: Record<string, ProcessSample>,
): Record<string, number> {
  return Object.fromEntries(
    Object.entries(after).map(([name, {cpuSeconds}]) => [name, cpuSeconds - (before[name]?.cpuSeconds ?? 0)]),
  );
}

/** User and system time, its own and its ended children's. */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name may have spaces; what follows its bracket has none.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}
