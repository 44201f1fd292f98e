import {expect, test} from '@jest/globals';
import * as fc from 'fast-check';
import {Cache, type DeepReadonly, objectKey} from './cache.ts';
import {ApiError} from './errors.ts';
import {bookmark, ScriptedClient, type Thing, thing} from './scripted-client.fixture.ts';
import {ManualClock} from './testing/manual-clock.ts';

const names = ['a', 'b', 'c', 'd'] as const;

/** A server's history: each step changes the world; some of it the cache sees as events, some only through a list. */
const step = fc.oneof(
  {weight: 6, arbitrary: fc.record({kind: fc.constant('write' as const), name: fc.constantFrom(...names)})},
  {weight: 3, arbitrary: fc.record({kind: fc.constant('delete' as const), name: fc.constantFrom(...names)})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('deaf' as const)})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('relist' as const)})},
  {weight: 1, arbitrary: fc.record({kind: fc.constant('cut' as const)})},
);

/** The server's side: the truth that the cache must arrive at. */
class World {
  readonly objects = new Map<string, Thing>();
  #resourceVersion = 10;
  #uid = 0;

  get resourceVersion(): number {
    return this.#resourceVersion;
  }

  write(name: string): {type: 'ADDED' | 'MODIFIED'; object: Thing} {
    this.#resourceVersion++;
    const before = this.objects.get(name);
    const uid = before?.metadata?.uid ?? `uid-${++this.#uid}`;
    const object = thing(name, this.#resourceVersion, {uid, value: this.#resourceVersion % 3});
    this.objects.set(name, object);
    return {type: before === undefined ? 'ADDED' : 'MODIFIED', object: structuredClone(object)};
  }

  remove(name: string): {type: 'DELETED'; object: Thing} | undefined {
    const before = this.objects.get(name);
    if (before === undefined) return undefined;
    this.#resourceVersion++;
    this.objects.delete(name);
    const metadata = {...before.metadata, resourceVersion: String(this.#resourceVersion)};
    return {type: 'DELETED', object: structuredClone({...before, metadata})};
  }

  state() {
    return [...this.objects.values()].map((object) => ({type: 'ADDED', object: structuredClone(object)}));
  }
}

/** What a handler can know: must always be what the cache holds. */
class Follower {
  readonly known = new Map<string, DeepReadonly<Thing>>();
  readonly mistakes: string[] = [];

  readonly handler = {
    add: (object: DeepReadonly<Thing>) => {
      if (this.known.has(objectKey(object))) this.mistakes.push(`add of a known ${objectKey(object)}`);
      this.known.set(objectKey(object), object);
    },
    update: (previous: DeepReadonly<Thing>, object: DeepReadonly<Thing>) => {
      if (this.known.get(objectKey(object)) !== previous) this.mistakes.push(`update of another ${objectKey(object)}`);
      if (previous.metadata?.uid !== object.metadata?.uid) this.mistakes.push(`update across uids`);
      this.known.set(objectKey(object), object);
    },
    delete: (object: DeepReadonly<Thing>) => {
      if (this.known.get(objectKey(object))?.metadata?.uid !== object.metadata?.uid) {
        this.mistakes.push(`delete of an unknown ${objectKey(object)}`);
      }
      this.known.delete(objectKey(object));
    },
  };
}

function snapshot(objects: Iterable<DeepReadonly<Thing>>): Record<string, string> {
  const entries = [...objects].map((object): [string, string] => [
    objectKey(object),
    `${object.metadata?.uid}@${object.metadata?.resourceVersion}`,
  ]);
  return Object.fromEntries(entries.toSorted(([a], [b]) => a.localeCompare(b)));
}

test('whatever happens, and however it is learned, cache, indices and handlers agree with the server', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, {maxLength: 40}),
      fc.nat(40),
      fc.boolean(),
      async (steps, lateAt, withoutWatchList) => {
        const clock = new ManualClock();
        const client = new ScriptedClient(clock);
        const controller = new AbortController();
        const world = new World();
        world.write('a');
        const cache = new Cache(client, {
          clock,
          freeze: true,
          random: () => 0.5,
          indexers: {value: ({spec}) => [String(spec?.value)]},
        });
        const early = new Follower();
        const late = new Follower();
        cache.subscribe(early.handler);
        const settle = async (): Promise<void> => {
          for (let i = 0; i < 3; i++) await clock.advance(0);
        };
        client.onWatch = ({sendInitialEvents}) => {
          if (withoutWatchList && sendInitialEvents === true) throw new ApiError({status: 400});
        };
        client.onList = () => ({
          metadata: {resourceVersion: String(world.resourceVersion)},
          items: world.state().map(({object}) => object),
        });
        const answer = async (): Promise<void> => {
          await settle();
          if (!withoutWatchList) client.stream.push(...world.state(), bookmark(world.resourceVersion, true));
          await settle();
        };
        const running = cache.start(controller.signal);
        await answer();
        let deaf = false;
        const relist = async (): Promise<void> => {
          const before = client.streams.length;
          client.stream.fail(new ApiError({status: 410}));
          // A second 410 in a row is followed only after a pause.
          for (let i = 0; i < 60 && client.streams.length === before; i++) await clock.advance(500);
          deaf = false;
          await answer();
          expect(snapshot(cache.list())).toEqual(snapshot(world.objects.values()));
        };
        for (const [i, next] of steps.entries()) {
          if (i === lateAt) cache.subscribe(late.handler);
          if (next.kind === 'deaf') {
            deaf = true;
          } else if (next.kind === 'relist') {
            await relist();
          } else if (next.kind === 'cut') {
            client.stream.end();
            for (let k = 0; k < 10; k++) await clock.advance(1000);
          } else {
            const event = next.kind === 'write' ? world.write(next.name) : world.remove(next.name);
            if (event !== undefined && !deaf) {
              client.stream.push(event);
              await settle();
            }
          }
          expect(snapshot(early.known.values())).toEqual(snapshot(cache.list()));
        }
        if (deaf) await relist();
        const truth = snapshot(world.objects.values());
        expect(snapshot(cache.list())).toEqual(truth);
        expect(snapshot(cache.list('ns'))).toEqual(truth);
        expect(snapshot(['0', '1', '2'].flatMap((value) => cache.byIndex('value', value)))).toEqual(truth);
        for (const value of ['0', '1', '2']) {
          expect(cache.byIndex('value', value).every(({spec}) => String(spec?.value) === value)).toBe(true);
        }
        expect(snapshot(late.known.values())).toEqual(lateAt < steps.length ? truth : {});
        expect([...early.mistakes, ...late.mistakes]).toEqual([]);
        controller.abort();
        await running;
      },
    ),
    {numRuns: 150},
  );
});
