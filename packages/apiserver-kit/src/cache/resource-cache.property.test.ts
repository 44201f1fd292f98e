import assert from 'node:assert/strict';
import {test} from '@jest/globals';
import * as fc from 'fast-check';
import {createMemoryStorage} from '../storage/memory-storage.ts';
import type {Storage} from '../storage/storage.ts';
import {colorOf, describeEvent, forever, openCache, put} from './cache.fixture.ts';
import {CacheModel, type ModelSelection} from './cache-model.fixture.ts';
import type {CachedObject, ResourceCache} from './resource-cache.ts';
import type {Watch} from './watch.ts';

type Command =
  | {do: 'put'; key: string; color: string}
  | {do: 'delete'; key: string}
  | {do: 'watch'; selection: ModelSelection; behind: number | undefined}
  | {do: 'read'; which: number}
  | {do: 'list'; selection: ModelSelection; behind: number; limit: number}
  | {do: 'reopen'};

const key = fc.constantFrom('a/1', 'a/2', 'a/3', 'a-b/1', 'b/1', 'b/2');
const color = fc.constantFrom('red', 'blue', 'green');
const selection: fc.Arbitrary<ModelSelection> = fc.record({
  prefix: fc.constantFrom('', '', 'a/', 'a/', 'b/', 'c/'),
  key: fc.option(key, {nil: undefined, freq: 1}),
  color: fc.option(color, {nil: undefined, freq: 2}),
});
const command: fc.Arbitrary<Command> = fc.oneof(
  {weight: 8, arbitrary: fc.record({do: fc.constant('put' as const), key, color})},
  {weight: 3, arbitrary: fc.record({do: fc.constant('delete' as const), key})},
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('watch' as const),
      selection,
      behind: fc.option(fc.nat(9), {nil: undefined}),
    }),
  },
  {weight: 3, arbitrary: fc.record({do: fc.constant('read' as const), which: fc.nat(9)})},
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('list' as const),
      selection,
      behind: fc.nat(9),
      limit: fc.integer({min: 1, max: 4}),
    }),
  },
  {weight: 1, arbitrary: fc.record({do: fc.constant('reopen' as const)})},
);

test('lists and watches of random histories are those of the model', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, {maxLength: 80, size: 'max'}), async (commands) => {
      const storage = createMemoryStorage();
      const trial = new Trial(storage, await openCache(storage));
      for (const each of commands) await trial.carryOut(each);
      await trial.finish();
      await storage.close();
    }),
    {numRuns: 150},
  );
});

/** A watch, with what it is to be given. */
interface Watched {
  watch: Watch;
  selection: ModelSelection;
  /** Up to this revision it is expected to know all. */
  revision: number;
  expected: string[];
}

class Trial {
  readonly #storage: Storage;
  readonly #model = new CacheModel();
  #cache: ResourceCache;
  #watched: Watched[] = [];

  constructor(storage: Storage, cache: ResourceCache) {
    this.#storage = storage;
    this.#cache = cache;
  }

  async carryOut(each: Command): Promise<void> {
    switch (each.do) {
      case 'put':
        return this.#put(each.key, each.color);
      case 'delete':
        return this.#put(each.key, undefined);
      case 'watch':
        return this.#watch(each.selection, each.behind);
      case 'read': {
        const watched = this.#watched[each.which];
        if (watched !== undefined) await readSome(watched, this.#model);
        return;
      }
      case 'list':
        return this.#list(each);
      case 'reopen':
        await this.finish();
        this.#cache = await openCache(this.#storage);
    }
  }

  async finish(): Promise<void> {
    for (const watched of this.#watched)
      while (watched.expected.length > 0 || watched.revision < this.#model.revision)
        await readSome(watched, this.#model);
    this.#watched = [];
    this.#cache.close();
  }

  async #put(name: string, next: string | undefined): Promise<void> {
    const present = this.#model.get(name);
    // What changes nothing is not written.
    if (present?.color === next) return;
    this.#model.put(name, next);
    await put(this.#cache, name, next);
    assert.equal(this.#cache.revision, this.#model.revision);
  }

  #watch(selected: ModelSelection, behind: number | undefined): void {
    const after = behind === undefined ? undefined : Math.max(1, this.#model.revision - behind);
    const watch = this.#cache.watch({
      prefix: selected.prefix,
      key: selected.key,
      after,
      matches: matcher(selected.color),
      bookmarks: false,
      signal: forever,
    });
    const initial = after === undefined ? this.#model.list(this.#model.revision, selected) : [];
    this.#watched.push({
      watch,
      selection: selected,
      revision: after ?? this.#model.revision,
      expected: initial.map((object) => `ADDED ${object.key} ${object.color} @${object.revision}`),
    });
  }

  #list(each: {selection: ModelSelection; behind: number; limit: number}): void {
    const revision = Math.max(this.#cache.oldestRevision, this.#model.revision - each.behind);
    // A list knows no single objects.
    const selected = {...each.selection, key: undefined};
    const expected = this.#model.list(revision, selected);
    const {prefix} = selected;
    const found: CachedObject[] = [];
    let after: string | undefined;
    do {
      const matches = matcher(selected.color);
      const part = this.#cache.list({prefix, after, limit: each.limit, revision, matches});
      assert.ok(part.items.length <= each.limit);
      found.push(...part.items);
      if (matches === undefined && part.next !== undefined)
        assert.equal(part.remaining, expected.length - found.length);
      after = part.next;
    } while (after !== undefined);
    assert.deepEqual(
      found.map((object) => ({key: object.key, color: colorOf(object), revision: object.revision})),
      expected,
    );
  }
}

/** Reads once, if there is something to read. */
async function readSome(watched: Watched, model: CacheModel): Promise<void> {
  for (; watched.revision < model.revision; watched.revision += 1) {
    const event = model.event(watched.revision + 1, watched.selection);
    if (event !== undefined) watched.expected.push(event);
  }
  if (watched.expected.length === 0) return;
  const batch = (await watched.watch.next()).map(describeEvent);
  assert.ok(batch.length > 0, 'the watch is closed');
  assert.deepEqual(batch, watched.expected.splice(0, batch.length));
}

function matcher(wanted: string | undefined): ((object: CachedObject) => boolean) | undefined {
  return wanted === undefined ? undefined : (object) => colorOf(object) === wanted;
}
