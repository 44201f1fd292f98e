import assert from 'node:assert/strict';
import {once} from 'node:events';
import {Agent} from 'node:https';
import {json} from 'node:stream/consumers';
import type {ServerProgram} from '../program/server-program.fixture.ts';
import {keyOf, pathOf, type Widget} from './soak-kind.fixture.ts';

/** What a watcher wants to see. */
export interface Selection {
  /** `ns/`, or `ns/name` of one object. Default: all. */
  place?: string;
  /** Query parameters that select. */
  query: Readonly<Record<string, string>>;
  /** What the query means. */
  matches(color: string): boolean;
}

export interface SeenEvent {
  revision: number;
  type: string;
  key: string;
  color: string;
  step: string;
}

interface Line {
  type: string;
  object: Widget;
}

/** A client that watches on a connection of its own, and goes on where it was after each end of the server. */
export class SoakWatcher {
  /** Events after the initial state. */
  readonly events: SeenEvent[] = [];
  readonly selection: Selection;
  /** What it knows, by key. */
  readonly state = new Map<string, {revision: number; color: string}>();
  interruptions = 0;
  bookmarks = 0;
  readonly #server: ServerProgram;
  readonly #agent: Agent;
  /** Whether the initial state comes with the watch (WatchList), or by a list before it. */
  readonly #streams: boolean;
  /** Up to this revision it knows all; undefined: it begins anew. */
  #position: number | undefined;
  readonly #started = Promise.withResolvers<void>();

  constructor(server: ServerProgram, selection: Selection, {streams}: {streams: boolean}) {
    this.#server = server;
    this.selection = selection;
    this.#streams = streams;
    this.#agent = new Agent({ca: server.ca});
  }

  /** Resolves when it has the initial state. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Of {@link started}, and of the last event or bookmark. */
  get position(): number | undefined {
    return this.#position;
  }

  /** Whether it is told of an object. */
  sees(key: string, color: string): boolean {
    const {place = '', matches} = this.selection;
    const inPlace = place === '' || place.endsWith('/') ? key.startsWith(place) : key === place;
    return inPlace && matches(color);
  }

  /** Reads until an object of this key is there. */
  async watchUntil(key: string): Promise<void> {
    while (!this.state.has(key)) {
      try {
        if (this.#position === undefined && !this.#streams) await this.#list();
        await this.#read(key);
      } catch (error) {
        // The server is dead. What it sent must be right nevertheless.
        if (error instanceof assert.AssertionError) throw error;
      }
      if (!this.state.has(key)) this.interruptions += 1;
    }
  }

  #path(parameters: Readonly<Record<string, string>>): string {
    const {place = '', query} = this.selection;
    const [namespace = '', name = ''] = place.split('/');
    const ofName = name === '' ? query : {...query, fieldSelector: `metadata.name=${name}`};
    const search = new URLSearchParams({...ofName, ...parameters});
    return `${pathOf(namespace === '' ? '' : `${namespace}/`)}?${search.toString()}`;
  }

  /** In chunks, as clients do it. */
  async #list(): Promise<void> {
    this.state.clear();
    let next = '';
    do {
      const response = await this.#server.open(
        'GET',
        this.#path({limit: '500', ...(next !== '' && {continue: next})}),
        undefined,
        this.#agent,
      );
      const list = (await json(response)) as {
        metadata: {resourceVersion: string; continue?: string};
        items: readonly Widget[];
      };
      assert.equal(response.statusCode, 200, JSON.stringify(list.metadata));
      for (const item of list.items) this.#learn(item);
      next = list.metadata.continue ?? '';
      if (next === '') this.#begin(Number(list.metadata.resourceVersion));
    } while (next !== '');
  }

  async #read(last: string): Promise<void> {
    if (this.#position === undefined) this.state.clear();
    const from: Record<string, string> =
      this.#position === undefined
        ? {sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan'}
        : {resourceVersion: String(this.#position)};
    const path = this.#path({watch: 'true', allowWatchBookmarks: 'true', ...from});
    const response = await this.#server.open('GET', path, undefined, this.#agent);
    if (response.statusCode !== 200) assert.fail(JSON.stringify(await json(response)));
    response.setEncoding('utf8');
    let rest = '';
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n');
      // What the server was writing when it died.
      rest = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line) as Line);
      if (!this.state.has(last)) continue;
      response.destroy();
      if (!response.closed) await once(response, 'close');
      return;
    }
  }

  #take({type, object}: Line): void {
    assert.notEqual(type, 'ERROR', JSON.stringify(object));
    const revision = Number(object.metadata.resourceVersion);
    if (type === 'BOOKMARK') {
      this.bookmarks += 1;
      if (this.#position === undefined) this.#begin(revision);
      assert.ok(revision >= this.#position!, `a bookmark of ${revision} came after ${this.#position}`);
      this.#position = revision;
      return;
    }
    const key = keyOf(object);
    const known = this.state.get(key);
    const {color, step} = object.spec;
    const what = `${type} ${key} @${revision}`;
    assert.equal(known !== undefined, type !== 'ADDED', `${what}: an event is missing or came twice`);
    if (this.#position === undefined) {
      assert.equal(type, 'ADDED');
      this.#learn(object);
      return;
    }
    assert.ok(revision > this.#position, `${what} came after ${this.#position}`);
    if (type === 'DELETED') this.state.delete(key);
    else this.#learn(object);
    this.#position = revision;
    this.events.push({revision, type, key, color, step});
  }

  #learn(object: Widget): void {
    const {color} = object.spec;
    assert.ok(this.sees(keyOf(object), color), `${keyOf(object)} was not asked for`);
    this.state.set(keyOf(object), {revision: Number(object.metadata.resourceVersion), color});
  }

  #begin(revision: number): void {
    this.#position = revision;
    this.#started.resolve();
  }
}
