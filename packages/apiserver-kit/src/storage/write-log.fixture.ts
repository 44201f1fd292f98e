import {writeSync} from 'node:fs';
import {createSqliteStorage} from './sqlite-storage.ts';
import {StorageError} from './storage.ts';

/**
 * A program that writes to a SQLite storage until it is killed, and says on stdout what was acknowledged: a line
 * `key revision json`, the JSON missing after a deletion.
 *
 * Arguments: path of the database, number of writers, writes of each (0: without end).
 */
const [path = '', writers = '1', limit = '0'] = process.argv.slice(2);

const storage = createSqliteStorage({path});
const resource = storage.resource('pods');
const known = new Map((await resource.snapshot()).objects.map(({key, revision}) => [key, revision]));

await Promise.all(
  Array.from({length: Number(writers)}, async (_, writer) => {
    for (let step = 0; limit === '0' || step < Number(limit); step += 1) await write(`${writer}/${step % 20}`, step);
  }),
);
await storage.close();

async function write(key: string, step: number): Promise<void> {
  const expected = known.get(key) ?? 0;
  const isDeletion = expected !== 0 && step % 7 === 0;
  const json = isDeletion ? undefined : JSON.stringify({pid: process.pid, step, text: 'x'.repeat((step * 37) % 3_000)});
  try {
    const revision = await resource.write({key, expected, json});
    known.set(key, json === undefined ? 0 : revision);
    writeSync(1, `${key} ${revision} ${json ?? ''}\n`);
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    writeSync(2, `${error.message}\n`);
    process.exit(1);
  }
}
