import {afterAll, beforeAll, jest} from '@jest/globals';
import {World} from './world.ts';

/** For everything: a limit that nothing reaches that works. */
const limitMs = 900_000;

export interface Suite {
  /** That of this file; there from the first test on. */
  readonly world: World;
  /** The body of a test that says, when it fails, what the cluster looks like. */
  reported(body: () => Promise<void>): () => Promise<void>;
}

/** Opens a world before the tests of the file that calls it, and closes it after them. */
export function suite(prepare: (world: World) => Promise<void>): Suite {
  let world: World | undefined;
  const present = (): World => {
    if (world === undefined) throw new Error('there is no world before the tests begin');
    return world;
  };
  jest.setTimeout(limitMs);
  beforeAll(async () => {
    const opened = await World.open();
    world = opened;
    await opened.reported(() => prepare(opened));
  }, limitMs);
  afterAll(async () => {
    await world?.reported(() => present().close());
  }, limitMs);
  return {
    get world() {
      return present();
    },
    reported: (body) => () => present().reported(body),
  };
}
