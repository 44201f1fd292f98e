import {readdir, readFile, readlink} from 'node:fs/promises';

export interface ProcessEntry {
  pid: number;
  parent: number;
  /** Value of {@link CONTAINER_MARK} in the environment it was started with. */
  mark: string | undefined;
  cwd: string;
}

/** Environment variable by which the processes of a container are recognised; children inherit it unless they drop it. */
export const CONTAINER_MARK = 'KRT_LOCAL_CONTAINER';

/** All processes that this user may look into. Empty where there is no /proc: process groups must do there. */
export async function processTable(): Promise<ProcessEntry[]> {
  const names = await readdir('/proc').catch(() => []);
  const entries = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map((name) => readEntry(Number(name))));
  return entries.filter((entry) => entry !== undefined);
}

async function readEntry(pid: number): Promise<ProcessEntry | undefined> {
  try {
    const [stat, environment, cwd] = await Promise.all([
      readFile(`/proc/${pid}/stat`, 'latin1'),
      readFile(`/proc/${pid}/environ`, 'latin1').catch(() => ''),
      readlink(`/proc/${pid}/cwd`).catch(() => ''),
    ]);
    // The second field is the program's name in parentheses, with any characters in it.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z') return undefined;
    const variable = environment.split('\0').find((entry) => entry.startsWith(`${CONTAINER_MARK}=`));
    return {pid, parent: Number(parent), mark: variable?.slice(CONTAINER_MARK.length + 1), cwd};
  } catch {
    // It has just ended.
    return undefined;
  }
}

export interface LeftoverQuery {
  /** The mark of the container that has ended. */
  mark: string;
  /** Folder of its Pod. */
  podDirectory: string;
  /** Main processes of the Pod's other containers: their families stay. */
  living: readonly number[];
}

/**
 * What a container has left behind when its main process is gone, where a kernel would have ended its PID namespace:
 * processes with its mark, processes that work in its Pod's folder and belong to no other container, and the families of
 * both.
 */
export function leftovers(table: readonly ProcessEntry[], query: LeftoverQuery): number[] {
  const others = familyOf(table, new Set(query.living));
  const inPod = ({cwd}: ProcessEntry): boolean =>
    cwd === query.podDirectory || cwd.startsWith(`${query.podDirectory}/`);
  const roots = table.filter(
    (entry) => !others.has(entry.pid) && (entry.mark === query.mark || (inPod(entry) && !isMarkedOther(entry, query))),
  );
  const family = familyOf(table, new Set(roots.map(({pid}) => pid)));
  return [...family].filter((pid) => !others.has(pid));
}

function isMarkedOther({mark}: ProcessEntry, query: LeftoverQuery): boolean {
  return mark !== undefined && mark !== query.mark;
}

function familyOf(table: readonly ProcessEntry[], roots: ReadonlySet<number>): Set<number> {
  const family = new Set(roots);
  for (let size = -1; size !== family.size; ) {
    size = family.size;
    for (const {pid, parent} of table) if (family.has(parent)) family.add(pid);
  }
  return family;
}
