import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {ManualClock} from '../manual-clock.fixture.ts';
import {createSqliteStorage} from './sqlite-storage.ts';
import {describeStorage, keptRevisions} from './storage-suite.fixture.ts';

for (const synchronous of ['FULL', 'NORMAL'] as const)
  describeStorage(`SQLite, synchronous = ${synchronous}`, async () => {
    const directory = await mkdtemp(join(tmpdir(), 'sqlite-storage-'));
    const clock = new ManualClock();
    const storage = createSqliteStorage({
      path: join(directory, 'state.db'),
      synchronous,
      keepRevisions: keptRevisions,
      keepMs: 1_000,
      clock,
    });
    return {
      storage,
      compact: async () => {
        // The first look tells how far the changes were at that time, the second one lets them go, a turn for each resource.
        clock.advance(60_000);
        for (let turn = 0; turn < 20; turn += 1) await setImmediate();
      },
      dispose: () => rm(directory, {recursive: true}),
    };
  });
