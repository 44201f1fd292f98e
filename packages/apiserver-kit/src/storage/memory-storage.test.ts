import {ManualClock} from '../manual-clock.fixture.ts';
import {createMemoryStorage} from './memory-storage.ts';
import {describeStorage, keptRevisions} from './storage-suite.fixture.ts';

describeStorage('memory', async () => {
  const clock = new ManualClock();
  const storage = createMemoryStorage({keepEntries: keptRevisions, keepMs: 1_000, clock});
  return {
    storage,
    compact: async () => clock.advance(10_000),
    dispose: async () => {},
  };
});
