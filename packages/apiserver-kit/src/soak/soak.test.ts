/** The whole server, with TLS and SQLite (`synchronous=FULL`), killed again and again under writers and watchers. */
import assert from 'node:assert/strict';
import {setTimeout} from 'node:timers/promises';
import {afterEach, beforeEach, test} from '@jest/globals';
import {ServerProgram} from '../program/server-program.fixture.ts';
import {colors, definition, namespaces} from './soak-kind.fixture.ts';
import {type SeenEvent, type Selection, SoakWatcher} from './soak-watcher.fixture.ts';
import {Progress, SoakWriter} from './soak-writer.fixture.ts';

/** `SOAK_SECONDS=300` is the long form: 20,000 objects, 50 watchers, and a kill every 10 seconds. */
const seconds = Number(process.env['SOAK_SECONDS'] ?? 0);
const {objects, watchers, writers} =
  seconds > 0 ? {objects: 20_000, watchers: 50, writers: 16} : {objects: 200, watchers: 18, writers: 4};

const everything: Selection = {query: {}, matches: () => true};
const selections: readonly Selection[] = [
  everything,
  {query: {labelSelector: 'color=red'}, matches: (color) => color === 'red'},
  {query: {fieldSelector: 'spec.color=blue'}, matches: (color) => color === 'blue'},
  {place: 'a/', query: {}, matches: () => true},
  {query: {labelSelector: 'color notin (red)'}, matches: (color) => color !== 'red'},
  {place: 'b/', query: {labelSelector: 'color in (red,green)'}, matches: (color) => color !== 'blue'},
  {place: 'c/', query: {fieldSelector: 'spec.color!=green'}, matches: (color) => color !== 'green'},
  {place: 'd/end-red', query: {}, matches: () => true},
];

let server: ServerProgram;

beforeEach(async () => {
  server = await ServerProgram.start();
}, 120_000);
afterEach(() => server[Symbol.asyncDispose](), 120_000);

test(
  'a server that is killed again and again loses no acknowledged write, and no watcher an event',
  () => checkSoak(),
  (seconds + 900) * 1_000,
);

async function checkSoak(): Promise<void> {
  await prepare();
  const progress = new Progress();
  const all = Array.from({length: writers}, () => new SoakWriter(server, progress));
  await Promise.all(all.map((writer, index) => populate(writer, index)));
  const populated = progress.count;

  const told = Array.from({length: watchers}, (_, index) => {
    const selection = selections[index % selections.length]!;
    return new SoakWatcher(server, selection, {streams: index % 3 !== 0});
  });
  const watching = Promise.all(told.map((watcher) => watcher.watchUntil(lastKey(watcher))));
  await Promise.race([watching, Promise.all(told.map(({started}) => started))]);
  const start = told[0]!.position!;
  assert.deepEqual([...new Set(told.map(({position}) => position))], [start]);
  const initial = new Map(told[0]!.state);
  let isOver = false;
  const writing = Promise.all(
    all.map(async (writer, index) => {
      for (let step = 0; !isOver; step += 1) await change(writer, index, step);
    }),
  );
  await Promise.race([watching, writing, killAgainAndAgain(progress)]);
  isOver = true;
  await writing;
  for (const key of endKeys()) await all[0]!.put(key, colorOfEnd(key), 'end');
  await watching;

  const [first, ...others] = told;
  assert.ok(told.every(({interruptions}) => interruptions > 0));
  checkLog(first!.events, start);
  for (const watcher of others) checkEvents(watcher, first!.events, initial);
  checkWrites(all, first!.events, start);
  if (seconds > 0) {
    const sum = (count: (watcher: SoakWatcher) => number): number =>
      told.reduce((total, each) => total + count(each), 0);
    console.log(
      `${progress.count - populated} writes; ${watchers} watchers saw ${sum(({events}) => events.length)} events and ` +
        `${sum(({bookmarks}) => bookmarks)} bookmarks; ${first!.interruptions} interruptions of each; ` +
        `${server.residentMiB.toFixed(0)} MiB in the end`,
    );
  }
}

async function prepare(): Promise<void> {
  const created = await server.ask('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition);
  assert.equal(created.code, 201, JSON.stringify(created.body));
  for (const name of namespaces) {
    const body = {apiVersion: 'v1', kind: 'Namespace', metadata: {name}};
    assert.equal((await server.ask('POST', '/api/v1/namespaces', body)).code, 201);
  }
}

/** Objects are the writer's own: those whose number leaves its index. */
function ownKey(number: number): string {
  return `${namespaces[number % namespaces.length]}/object-${number}`;
}

async function populate(writer: SoakWriter, index: number): Promise<void> {
  for (let number = index; number < objects; number += writers)
    await writer.put(ownKey(number), colors[number % colors.length]!, 'new');
}

/** Walks over its objects; every fifth time deletes. Colors change most of the time, and with them who sees it. */
async function change(writer: SoakWriter, index: number, step: number): Promise<void> {
  const own = Math.ceil((objects - index) / writers);
  const key = ownKey(index + writers * ((step * 7_919) % own));
  if (step % 5 === 0) await writer.remove(key);
  else await writer.put(key, colors[(step + (step >> 2)) % colors.length]!, `step-${step}`);
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

/** What is written last: something for each selection. */
function endKeys(): string[] {
  return namespaces.flatMap((namespace) => colors.map((color) => `${namespace}/end-${color}`));
}

function colorOfEnd(key: string): string {
  return key.slice(key.lastIndexOf('-') + 1);
}

function lastKey(watcher: SoakWatcher): string {
  return endKeys().findLast((key) => watcher.sees(key, colorOfEnd(key)))!;
}

/** Who watches everything is told every revision, in order. */
function checkLog(log: readonly SeenEvent[], start: number): void {
  for (const [index, {revision}] of log.entries()) assert.equal(revision, start + index + 1);
}

/** Everybody else is told what comes, changes and goes in what they asked for, each once and in order. */
function checkEvents(
  watcher: SoakWatcher,
  log: readonly SeenEvent[],
  initial: ReadonlyMap<string, {color: string}>,
): void {
  const last = watcher.events.at(-1)?.revision ?? 0;
  assert.equal(watcher.events.at(-1)?.key, lastKey(watcher));
  const state = new Map([...initial].map(([key, {color}]) => [key, color]));
  const expected: {revision: number; type: string; key: string}[] = [];
  for (const {revision, type, key, color} of log) {
    if (revision > last) break;
    const before = state.get(key);
    const was = before !== undefined && watcher.sees(key, before);
    const is = type !== 'DELETED' && watcher.sees(key, color);
    if (type === 'DELETED') state.delete(key);
    else state.set(key, color);
    if (is) expected.push({revision, type: was ? 'MODIFIED' : 'ADDED', key});
    else if (was) expected.push({revision, type: 'DELETED', key});
  }
  assert.deepEqual(
    watcher.events.map(({revision, type, key}) => ({revision, type, key})),
    expected,
  );
  const present = [...state].filter(([key, color]) => watcher.sees(key, color));
  assert.deepEqual([...watcher.state].map(([key, {color}]) => [key, color]).sort(), present.sort());
}

/** Each object went through what its writer did to it, no more and no less; an answer told the revision of the event. */
function checkWrites(all: readonly SoakWriter[], log: readonly SeenEvent[], start: number): void {
  const byKey = new Map<string, SeenEvent[]>();
  for (const event of log) {
    const known = byKey.get(event.key);
    if (known) known.push(event);
    else byKey.set(event.key, [event]);
  }
  let checked = 0;
  for (const [key, made] of all.flatMap((writer) => [...writer.made])) {
    const later = made.filter(
      ({step, revision}, index) => !(index === 0 && step === 'new' && (revision ?? 0) <= start),
    );
    const events = byKey.get(key) ?? [];
    assert.deepEqual(
      events.map(({type, step}) => (type === 'DELETED' ? undefined : step)),
      later.map(({step}) => step),
      `${key}: a write is lost, or came twice`,
    );
    for (const [index, {revision}] of later.entries()) {
      if (revision !== undefined) assert.equal(events[index]!.revision, revision);
    }
    checked += later.length;
    byKey.delete(key);
  }
  assert.deepEqual([...byKey.keys()], []);
  assert.equal(checked, log.length);
}
