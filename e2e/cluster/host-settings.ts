import {readFile, rm, writeFile} from 'node:fs/promises';
import {join} from 'node:path';

/** Settings of the whole machine that a kubelet changes. */
const SETTINGS = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'];

const fileIn = (directory: string): string => join(directory, 'host-settings.json');

/** Notes them in a directory, unless that was done and they were not put back. */
export async function saveHostSettings(directory: string): Promise<void> {
  const values: Record<string, string> = {};
  for (const setting of SETTINGS) values[setting] = (await readFile(`/proc/sys/${setting}`, 'utf8')).trim();
  await writeFile(fileIn(directory), JSON.stringify(values), {flag: 'wx'}).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
}

/** Puts back what was noted, if anything was. */
export async function restoreHostSettings(directory: string): Promise<void> {
  const text = await readFile(fileIn(directory), 'utf8').catch(() => undefined);
  if (text === undefined) return;
  for (const [setting, value] of Object.entries(JSON.parse(text) as Record<string, string>)) {
    if ((await readFile(`/proc/sys/${setting}`, 'utf8')).trim() !== value)
      await writeFile(`/proc/sys/${setting}`, value);
  }
  await rm(fileIn(directory));
}
