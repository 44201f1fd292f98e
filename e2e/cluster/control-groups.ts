import {existsSync} from 'node:fs';
import {mkdir, readdir, readFile, rmdir, writeFile} from 'node:fs/promises';
import {join} from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';

const ROOT = '/sys/fs/cgroup';
/** Those of version 1 in whose hierarchies the kubelet makes groups. */
const CONTROLLERS = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids', 'systemd', 'hugetlb'];
const REMOVAL_LIMIT_MS = 30_000;

/** The kubelet wants the group above those of its Pods to be there: in every hierarchy, where the kernel has several. */
export async function createControlGroups(name: string): Promise<void> {
  if (existsSync(join(ROOT, 'cgroup.subtree_control'))) {
    await mkdir(join(ROOT, name), {recursive: true});
    // Not every kernel has all of them; the kubelet says which it misses.
    for (const controller of ['cpuset', 'cpu', 'io', 'memory', 'hugetlb', 'pids'])
      for (const group of [ROOT, join(ROOT, name)])
        await writeFile(join(group, 'cgroup.subtree_control'), `+${controller}`).catch(() => {});
    return;
  }
  for (const group of hierarchies(name)) await mkdir(group, {recursive: true});
  // A new group has neither processors nor memory before it is given some.
  for (const file of ['cpuset.cpus', 'cpuset.mems'])
    await writeFile(join(ROOT, 'cpuset', name, file), await readFile(join(ROOT, 'cpuset', file)));
}

/** Removes the group and all below it, once their processes have ended. */
export async function removeControlGroups(name: string): Promise<void> {
  const deadline = performance.now() + REMOVAL_LIMIT_MS;
  const groups = [join(ROOT, name), ...hierarchies(name)];
  for (;;) {
    for (const group of groups) await removeTree(group);
    const left = groups.filter((group) => existsSync(group));
    if (left.length === 0) return;
    if (performance.now() > deadline) throw new Error(`there are still processes in ${left.join(', ')}`);
    await delay(50);
  }
}

function hierarchies(name: string): string[] {
  return [...CONTROLLERS, 'net_cls', 'net_prio', 'perf_event', 'unified', 'misc']
    .filter((controller) => existsSync(join(ROOT, controller)))
    .filter((controller) => CONTROLLERS.includes(controller) || existsSync(join(ROOT, controller, name)))
    .map((controller) => join(ROOT, controller, name));
}

async function removeTree(group: string): Promise<void> {
  const entries = await readdir(group, {withFileTypes: true}).catch(() => []);
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(group, entry.name));
  // A group with processes is busy: the caller tries again.
  await rmdir(group).catch(() => {});
}
