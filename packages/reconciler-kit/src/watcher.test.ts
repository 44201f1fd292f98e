import {afterEach, beforeEach, describe, expect, test} from '@jest/globals';
import {ApiError, ReconcilerKitError} from './errors.ts';
import {bookmark, ScriptedClient, type Thing, thing} from './scripted-client.fixture.ts';
import {ManualClock} from './testing/manual-clock.ts';
import {Watcher, type WatcherOptions} from './watcher.ts';

let clock: ManualClock;
let client: ScriptedClient;
let seen: string[];
let controller: AbortController;
let running: Promise<void>;
let random: number;

beforeEach(() => {
  clock = new ManualClock();
  client = new ScriptedClient(clock);
  seen = [];
  controller = new AbortController();
  random = 1;
});

afterEach(async () => {
  controller.abort();
  await running;
});

function show(object: Thing): string {
  return `${object.metadata?.name}@${object.metadata?.resourceVersion}`;
}

function start(options: WatcherOptions<Thing> = {}): Watcher<Thing> {
  const watcher = new Watcher(client, {clock, random: () => random, namespace: 'ns', ...options});
  running = watcher.run(
    {
      replace: (objects, resourceVersion) =>
        void seen.push(`REPLACE ${objects.map(show).join(',')} at ${resourceVersion}`),
      event: (type, object) => void seen.push(`${type} ${show(object)}`),
    },
    controller.signal,
  );
  return watcher;
}

/** Runs everything that is under way. */
async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await clock.advance(0);
}

/** Starts and gives the initial state. */
async function startSynced(options: WatcherOptions<Thing> = {}): Promise<Watcher<Thing>> {
  const watcher = start(options);
  await settle();
  client.stream.push({type: 'ADDED', object: thing('a', 5)}, bookmark(10, true));
  await settle();
  seen.length = 0;
  return watcher;
}

/** When watches were opened, from now on, while time goes by. */
async function opensWithin(ms: number): Promise<number[]> {
  const from = client.streams.length;
  const startMs = clock.monotonic();
  await clock.advance(ms);
  await settle();
  return client.streams.slice(from).map((stream) => stream.openedAtMs - startMs);
}

const expired = new ApiError({status: 410, reason: 'Expired'});
const refused = new ReconcilerKitError('CONNECTION_FAILED', 'refused', {retryable: true});
const reset = new ReconcilerKitError('CONNECTION_FAILED', 'reset', {
  cause: Object.assign(new Error('reset'), {code: 'ECONNRESET'}),
  retryable: true,
});

describe('the beginning', () => {
  test('asks for the state and its changes in one request, and hands over the state as one', async () => {
    start({labelSelector: 'a=b', fieldSelector: 'c=d', metadataOnly: true});
    await settle();
    expect(client.stream.options).toMatchObject({
      namespace: 'ns',
      labelSelector: 'a=b',
      fieldSelector: 'c=d',
      metadataOnly: true,
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
      allowWatchBookmarks: true,
    });
    expect(client.stream.options.resourceVersion).toBeUndefined();
    client.stream.push({type: 'ADDED', object: thing('a', 5)}, {type: 'ADDED', object: thing('b', 6)});
    client.stream.push(
      {type: 'MODIFIED', object: thing('a', 7)},
      {type: 'DELETED', object: thing('b', 8)},
      bookmark(8),
    );
    await settle();
    expect(seen).toEqual([]);
    client.stream.push(bookmark(9, true), {type: 'ADDED', object: thing('c', 10)});
    await settle();
    expect(seen).toEqual(['REPLACE a@7 at 9', 'ADDED c@10']);
    expect(client.lists).toEqual([]);
  });

  test.each([400, 422, 405])(
    'a server that answers %i to WatchList is listed in pages, then watched',
    async (status) => {
      client.onWatch = (options) => {
        if (options.sendInitialEvents === true) throw new ApiError({status});
      };
      client.onList = ({continue: token}) =>
        token === undefined
          ? {metadata: {resourceVersion: '7', continue: 't'}, items: [thing('a', 1)]}
          : {metadata: {resourceVersion: '7'}, items: [thing('b', 2)]};
      start();
      await settle();
      expect(seen).toEqual(['REPLACE a@1,b@2 at 7']);
      expect(client.lists.map(({limit, continue: token}) => ({limit, token}))).toEqual([
        {limit: 500, token: undefined},
        {limit: 500, token: 't'},
      ]);
      expect(client.stream.options).toMatchObject({resourceVersion: '7', allowWatchBookmarks: true});
      expect(client.stream.options.sendInitialEvents).toBeUndefined();
      // And is not asked again when the state must be taken anew.
      client.stream.fail(expired);
      await settle();
      expect(seen).toHaveLength(2);
      expect(client.streams).toHaveLength(2);
    },
  );

  test('a server that ignores WatchList is noticed by its silence', async () => {
    client.onList = () => ({metadata: {resourceVersion: '7'}, items: [thing('a', 1)]});
    start();
    await settle();
    client.stream.push({type: 'ADDED', object: thing('a', 1)});
    await clock.advance(9999);
    expect(client.lists).toHaveLength(0);
    await clock.advance(1);
    await settle();
    expect(client.streams[0]?.closed).toBe(true);
    expect(seen).toEqual(['REPLACE a@1 at 7']);
    // Once may be load. The second time it is not tried a third.
    client.stream.fail(expired);
    await settle();
    expect(client.stream.options.sendInitialEvents).toBe(true);
    await clock.advance(10_000);
    await settle();
    expect(seen).toHaveLength(2);
    const opened = client.streams.length;
    client.stream.push({type: 'MODIFIED', object: thing('a', 8)});
    client.stream.fail(expired);
    await settle();
    expect(client.streams.slice(opened).map(({options}) => options.sendInitialEvents)).toEqual([undefined]);
  });

  test('a WatchList that breaks among the initial events is followed by a list at once', async () => {
    client.onList = () => ({metadata: {resourceVersion: '7'}, items: [thing('a', 1)]});
    start();
    await settle();
    client.stream.push({type: 'ADDED', object: thing('a', 1)});
    client.stream.fail(refused);
    await settle();
    expect(seen).toEqual(['REPLACE a@1 at 7']);
    expect(client.stream.options.resourceVersion).toBe('7');
    // It was bad luck, not the server: the next time WatchList is tried again.
    client.stream.fail(expired);
    await settle();
    expect(client.stream.options.sendInitialEvents).toBe(true);
  });

  test('pages that expire while they are read are taken once more in one piece', async () => {
    client.onWatch = ({sendInitialEvents}) => {
      if (sendInitialEvents === true) throw new ApiError({status: 400});
    };
    client.onList = ({continue: token, limit}) => {
      if (token !== undefined) throw expired;
      return limit === undefined
        ? {metadata: {resourceVersion: '9'}, items: [thing('a', 8), thing('b', 8)]}
        : {metadata: {resourceVersion: '7', continue: 't'}, items: [thing('a', 1)]};
    };
    start();
    await settle();
    expect(seen).toEqual(['REPLACE a@8,b@8 at 9']);
  });

  test('a server that is away is tried again after a pause that grows', async () => {
    client.onWatch = () => {
      throw refused;
    };
    const tries: number[] = [];
    const original = client.onWatch;
    client.onWatch = (options) => {
      tries.push(clock.monotonic());
      original(options);
    };
    const watcher = start();
    await clock.advance(120_000);
    expect(tries.map((at, i) => at - (tries[i - 1] ?? 0))).toEqual([
      0, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
    ]);
    expect(watcher.lastError).toBe(refused);
    expect(client.lists).toEqual([]);
  });

  test('a list that fails is tried again after a pause', async () => {
    client.onWatch = ({sendInitialEvents}) => {
      if (sendInitialEvents === true) throw new ApiError({status: 400});
    };
    client.onList = () => {
      throw new ApiError({status: 403, reason: 'Forbidden'});
    };
    const watcher = start();
    await settle();
    expect(watcher.lastError).toMatchObject({code: 'API_FORBIDDEN'});
    client.onList = () => ({metadata: {resourceVersion: '7'}, items: []});
    await clock.advance(800);
    expect(seen).toEqual(['REPLACE  at 7']);
    expect(watcher.lastError).toBeUndefined();
  });
});

describe('resuming', () => {
  test('goes on from the last event or bookmark, at once', async () => {
    await startSynced();
    client.stream.push({type: 'MODIFIED', object: thing('a', 12)});
    client.stream.end();
    expect(await opensWithin(0)).toEqual([0]);
    expect(client.stream.options).toMatchObject({resourceVersion: '12'});
    expect(client.stream.options.sendInitialEvents).toBeUndefined();
    client.stream.push(bookmark(20));
    client.stream.end();
    expect(await opensWithin(0)).toEqual([0]);
    expect(client.stream.options).toMatchObject({resourceVersion: '20'});
    expect(seen).toEqual(['MODIFIED a@12']);
  });

  test('a connection that breaks is an end like any other', async () => {
    await startSynced();
    client.stream.push({type: 'MODIFIED', object: thing('a', 12)});
    client.stream.fail(refused);
    expect(await opensWithin(0)).toEqual([0]);
    expect(client.stream.options.resourceVersion).toBe('12');
  });

  test('a connection that breaks while the watch is opened is an early end, not a server that is away', async () => {
    await startSynced();
    let tries = 0;
    client.onWatch = () => {
      if (++tries <= 2) throw reset;
    };
    client.stream.end();
    expect(await opensWithin(50)).toEqual([0]);
    expect(client.stream.options.resourceVersion).toBe('10');
  });

  test('connections that always break while the watch is opened are not made in a loop', async () => {
    const watcher = await startSynced();
    let tries = 0;
    client.onWatch = () => {
      tries++;
      throw reset;
    };
    client.stream.end();
    await clock.advance(60_000);
    expect(tries).toBeGreaterThan(10);
    expect(tries).toBeLessThan(35);
    expect(watcher.lastError).toBe(reset);
  });

  test('watches cut every 200 ms with events among them are resumed at once each time', async () => {
    await startSynced();
    for (let i = 0; i < 50; i++) {
      await clock.advance(200);
      if (i % 3 === 0) client.stream.push({type: 'MODIFIED', object: thing('a', 100 + i)});
      client.stream.fail(refused);
      expect(await opensWithin(0)).toEqual([0]);
    }
  });

  test('a server that closes every watch at once is not asked in a loop', async () => {
    await startSynced();
    client.onWatch = () => {
      queueMicrotask(() => client.stream.end());
    };
    client.stream.end();
    const opens = await opensWithin(60_000);
    expect(opens.length).toBeGreaterThan(10);
    expect(opens.length).toBeLessThan(35);
  });

  test('asks the server for an end between five and ten minutes', async () => {
    random = 0;
    await startSynced();
    expect(client.stream.options.timeoutSeconds).toBe(300);
    random = 0.9999;
    client.stream.end();
    await settle();
    expect(client.stream.options.timeoutSeconds).toBe(599);
  });
});

describe('a dead peer', () => {
  test('is noticed 90 s after the last sign of life, once bookmarks were seen', async () => {
    await startSynced();
    await clock.advance(60_000);
    client.stream.push(bookmark(20));
    await clock.advance(80_000);
    client.stream.push({type: 'MODIFIED', object: thing('a', 21)});
    expect(await opensWithin(89_999)).toEqual([]);
    expect(await opensWithin(1)).toEqual([1]);
    expect(client.streams[0]?.closed).toBe(true);
    expect(client.stream.options.resourceVersion).toBe('21');
  });

  test('without bookmarks is noticed 30 s after the end that was asked for', async () => {
    random = 0;
    await startSynced();
    expect(await opensWithin(329_999)).toEqual([]);
    expect(await opensWithin(1)).toEqual([1]);
  });
});

describe('errors of the server', () => {
  test('410: the state is taken anew at once', async () => {
    await startSynced();
    client.stream.push({type: 'MODIFIED', object: thing('a', 12)});
    client.stream.fail(expired);
    expect(await opensWithin(0)).toEqual([0]);
    expect(client.stream.options.sendInitialEvents).toBe(true);
    client.stream.push({type: 'ADDED', object: thing('b', 30)}, bookmark(31, true));
    await settle();
    expect(seen).toEqual(['MODIFIED a@12', 'REPLACE b@30 at 31']);
  });

  test('410 on opening is the same', async () => {
    await startSynced();
    client.onWatch = ({resourceVersion}) => {
      if (resourceVersion !== undefined) throw expired;
    };
    client.stream.end();
    await settle();
    expect(client.stream.options.sendInitialEvents).toBe(true);
  });

  test('410 again and again without progress slows down', async () => {
    await startSynced();
    const answer = (): void => {
      client.stream.push(bookmark(10, true));
      client.stream.fail(expired);
    };
    client.onWatch = () => queueMicrotask(answer);
    client.stream.fail(expired);
    expect((await opensWithin(60_000)).length).toBeLessThan(100);
  });

  test('429: waits, then goes on from the same place', async () => {
    await startSynced();
    client.stream.fail(new ApiError({status: 429, retryAfterSeconds: 3}));
    expect(await opensWithin(5000)).toEqual([3000]);
    expect(client.stream.options.resourceVersion).toBe('10');
  });

  test('connections that cannot be made: waits longer each time, goes on from the same place', async () => {
    await startSynced();
    let tries = 0;
    client.onWatch = () => {
      if (++tries < 8) throw refused;
    };
    client.stream.end();
    expect(await opensWithin(120_000)).toEqual([800 + 1600 + 3200 + 6400 + 12_800 + 25_600 + 30_000]);
    expect(client.stream.options.resourceVersion).toBe('10');
    // Healthy again: the next failure begins with a short pause.
    client.stream.push({type: 'MODIFIED', object: thing('a', 12)});
    client.stream.fail(new ApiError({status: 500}));
    expect(await opensWithin(800)).toEqual([800]);
  });

  test('500 a few times: waits; too often: doubts the place', async () => {
    await startSynced();
    client.onWatch = ({resourceVersion}) => {
      if (resourceVersion !== undefined) throw new ApiError({status: 504, reason: 'Timeout'});
    };
    client.stream.fail(new ApiError({status: 500}));
    expect(await opensWithin(800 + 1600 + 3200 + 6400)).toEqual([]);
    expect(await opensWithin(12_800)).toEqual([12_800]);
    expect(client.stream.options.sendInitialEvents).toBe(true);
  });

  test('404: the kind went away; when it is back its history is another', async () => {
    await startSynced();
    client.onWatch = () => {
      throw new ApiError({status: 404});
    };
    client.stream.end();
    await settle();
    client.onWatch = () => {};
    await clock.advance(800);
    expect(client.stream.options.sendInitialEvents).toBe(true);
  });

  test('an answer that cannot be read does not lose events, and is not read in a loop', async () => {
    await startSynced();
    client.stream.push({type: 'MODIFIED', object: thing('a', 12)});
    client.stream.fail(new ReconcilerKitError('RESPONSE_INVALID', 'not JSON'));
    expect(await opensWithin(1000)).toEqual([800]);
    expect(client.stream.options.resourceVersion).toBe('12');
    expect(seen).toEqual(['MODIFIED a@12']);
  });
});

describe('objects', () => {
  test('carry apiVersion and kind, and go through the transform', async () => {
    const objects: Thing[] = [];
    const watcher = new Watcher(client, {
      clock,
      transform: (object) => {
        if (object.metadata?.name === 'bad') throw new Error('unexpected');
        delete object.spec;
        return object;
      },
    });
    running = watcher.run(
      {replace: (all) => void objects.push(...all), event: (_, object) => void objects.push(object)},
      controller.signal,
    );
    await settle();
    client.stream.push({type: 'ADDED', object: thing('a', 1)}, bookmark(2, true));
    client.stream.push({type: 'ADDED', object: thing('bad', 3)}, {type: 'ADDED', object: thing('b', 4)});
    await settle();
    expect(objects.map(({apiVersion, kind}) => `${apiVersion} ${kind}`)).toEqual(Array(3).fill('example.com/v1 Thing'));
    expect(objects.map(({metadata, spec}) => [metadata?.name, spec])).toEqual([
      ['a', undefined],
      ['bad', {value: 3}],
      ['b', undefined],
    ]);
  });

  test('that are not selected are not shown, and are deleted when they stop being selected', async () => {
    const select = ({spec}: Thing): boolean => spec?.value !== 0;
    start({select});
    await settle();
    client.stream.push({type: 'ADDED', object: thing('a', 1)}, {type: 'ADDED', object: thing('b', 2, {value: 0})});
    client.stream.push({type: 'ADDED', object: thing('c', 3)}, {type: 'MODIFIED', object: thing('c', 4, {value: 0})});
    client.stream.push(bookmark(5, true), {type: 'MODIFIED', object: thing('a', 6, {value: 0})});
    client.stream.push({type: 'MODIFIED', object: thing('b', 7)}, {type: 'DELETED', object: thing('b', 8)});
    await settle();
    expect(seen).toEqual(['REPLACE a@1 at 5', 'DELETED a@6', 'MODIFIED b@7', 'DELETED b@8']);
  });

  test('that are not selected are left out of lists', async () => {
    client.onWatch = () => {
      if (client.lists.length === 0) throw new ApiError({status: 400});
    };
    client.onList = () => ({metadata: {resourceVersion: '3'}, items: [thing('a', 1), thing('b', 2, {value: 0})]});
    start({select: ({spec}) => spec?.value !== 0});
    await settle();
    expect(seen).toEqual(['REPLACE a@1 at 3']);
  });

  test('events of types that do not exist yet are passed over', async () => {
    await startSynced();
    client.stream.push({type: 'MOVED', object: thing('a', 11)}, {type: 'MODIFIED', object: thing('a', 12)});
    await settle();
    expect(seen).toEqual(['MODIFIED a@12']);
  });
});

describe('the end', () => {
  test('run resolves when it is aborted: while watching, waiting and before it began', async () => {
    await startSynced();
    controller.abort();
    await running;
    expect(client.stream.closed).toBe(true);
    expect(clock.pendingTimers).toBe(0);

    controller = new AbortController();
    client.onWatch = () => {
      throw refused;
    };
    start();
    await settle();
    expect(clock.pendingTimers).toBe(1);
    controller.abort();
    await running;
    expect(clock.pendingTimers).toBe(0);

    const before = client.streams.length;
    start();
    await running;
    expect(client.streams).toHaveLength(before);
  });

  test('run rejects with what the handler throws, and closes its watch', async () => {
    const watcher = new Watcher(client, {clock});
    const failing = watcher.run(
      {
        replace: () => {
          throw new Error('handler');
        },
        event: () => {},
      },
      controller.signal,
    );
    running = failing.catch(() => {});
    await settle();
    client.stream.push(bookmark(1, true));
    await expect(failing).rejects.toThrow('handler');
    expect(client.stream.closed).toBe(true);
  });

  test('a second run begins with the state again', async () => {
    const watcher = await startSynced();
    controller.abort();
    await running;
    controller = new AbortController();
    running = watcher.run({replace: () => {}, event: () => {}}, controller.signal);
    await settle();
    expect(client.stream.options.sendInitialEvents).toBe(true);
  });

  test('a watcher runs once at a time', async () => {
    const watcher = await startSynced();
    await expect(watcher.run({replace: () => {}, event: () => {}}, controller.signal)).rejects.toMatchObject({
      code: 'ALREADY_STARTED',
    });
  });
});
