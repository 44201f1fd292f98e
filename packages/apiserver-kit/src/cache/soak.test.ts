import assert from 'node:assert/strict';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout} from 'node:timers/promises';
import {afterEach, beforeEach, test} from '@jest/globals';
import {type AcknowledgedChange, KilledServer, Progress, SoakWatcher, SoakWriter} from './soak.fixture.ts';

/** `SOAK_SECONDS=300` is the long form: 20,000 objects, 50 watchers, and a kill every 10 seconds. */
const seconds = Number(process.env['SOAK_SECONDS'] ?? 0);
const {objects, watchers, writers} =
  seconds > 0 ? {objects: 20_000, watchers: 50, writers: 16} : {objects: 400, watchers: 12, writers: 4};
const namespaces = ['a', 'b', 'c', 'd'];

let directory: string;
let server: KilledServer;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'soak-'));
  server = new KilledServer(join(directory, 'state.db'));
});

afterEach(async () => {
  await server.stop();
  await rm(directory, {recursive: true});
});

test(
  'a server that is killed again and again loses no acknowledged write, and no watcher an event',
  () => checkSoak(),
  (seconds + 600) * 1_000,
);

async function checkSoak(): Promise<void> {
  const progress = new Progress();
  const all = Array.from({length: writers}, () => new SoakWriter(server, progress));
  await Promise.all(all.map((writer, index) => populate(writer, index)));

  const watching = Array.from({length: watchers}, (_, index) => {
    const prefix = index % 2 === 0 ? '' : `${namespaces[index % namespaces.length]}/`;
    const watcher = new SoakWatcher(server, prefix);
    return {watcher, done: watcher.watchUntil(lastKey(prefix))};
  });
  const done = Promise.all(watching.map((each) => each.done));
  await Promise.race([done, Promise.all(watching.map(({watcher}) => watcher.started))]);
  let isOver = false;
  const writing = Promise.all(
    all.map(async (writer, index) => {
      for (let step = 0; !isOver; step += 1) await change(writer, index, step);
    }),
  );
  await Promise.race([done, writing, killAgainAndAgain(progress)]);
  isOver = true;
  await writing;
  for (const namespace of namespaces) await all[0]!.put(`${namespace}/end`, 'end');
  await done;

  const told = watching.map(({watcher}) => watcher);
  assert.ok(told.every(({interruptions}) => interruptions > 0));
  checkEvents(told);
  checkAcknowledged(
    told[0]!,
    all.flatMap(({acknowledged}) => acknowledged),
  );
  if (seconds > 0)
    console.log(`${told[0]!.events.length} changes, ${told[0]!.interruptions} interruptions of each watch`);
}

/** What is written last of all that a watcher sees. */
function lastKey(prefix: string): string {
  return prefix === '' ? `${namespaces.at(-1)}/end` : `${prefix}end`;
}

/** Objects are the writer's own: those whose number leaves its index. */
function keyOf(number: number): string {
  return `${namespaces[number % namespaces.length]}/object-${number}`;
}

async function populate(writer: SoakWriter, index: number): Promise<void> {
  for (let number = index; number < objects; number += writers) await writer.put(keyOf(number), 'new');
}

/** Walks over its objects; every fifth time deletes. */
async function change(writer: SoakWriter, index: number, step: number): Promise<void> {
  const own = Math.ceil((objects - index) / writers);
  const number = index + writers * ((step * 7_919) % own);
  await writer.put(keyOf(number), step % 5 === 0 ? undefined : `step-${step}`);
}

async function killAgainAndAgain(progress: Progress): Promise<void> {
  if (seconds > 0) {
    for (let elapsed = 0; elapsed < seconds; elapsed += 10) {
      await setTimeout(10_000);
      await server.restart();
    }
    return;
  }
  for (let kill = 0; kill < 3; kill += 1) {
    await progress.more(150);
    await server.restart();
  }
}

/** Who watches everything is told every revision; who watches a namespace, those of it. */
function checkEvents([first, ...others]: readonly SoakWatcher[]): void {
  const events = first!.events;
  for (const [index, {revision}] of events.entries()) assert.equal(revision, events[0]!.revision + index);
  for (const {prefix, events: own, state} of others) {
    assert.equal(own.at(-1)?.key, lastKey(prefix));
    const last = own.at(-1)!.revision;
    assert.deepEqual(
      own,
      events.filter(({key, revision}) => key.startsWith(prefix) && revision <= last),
    );
    const present = [...first!.state].filter(([key]) => key.startsWith(prefix));
    assert.deepEqual(new Map([...state].sort()), new Map(present.sort()));
  }
}

/** Every change that was acknowledged after the watch began was an event, with the revision of the acknowledgement. */
function checkAcknowledged({events}: SoakWatcher, acknowledged: readonly AcknowledgedChange[]): void {
  const byRevision = new Map(events.map((event) => [event.revision, event]));
  const later = acknowledged.filter(({revision}) => revision >= events[0]!.revision);
  assert.ok(later.length > 0);
  for (const {revision, key, color} of later) {
    const event = byRevision.get(revision);
    assert.equal(event?.key, key, `the acknowledged write of ${key} @${revision} is lost`);
    if (color === undefined) assert.equal(event.type, 'DELETED');
    else assert.equal(event.color, color);
  }
}
