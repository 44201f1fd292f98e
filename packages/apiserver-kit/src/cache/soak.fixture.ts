import assert from 'node:assert/strict';
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {Agent, get, request} from 'node:http';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {text} from 'node:stream/consumers';
import type {KubeObject} from '../kube-object.ts';
import {objectOf} from './cache.fixture.ts';
import type {CacheWrite} from './resource-cache.ts';

/** A server that is killed now and then, and started again at once. */
export class KilledServer {
  readonly agent = new Agent({keepAlive: true});
  readonly #path: string;
  #child: ChildProcess | undefined;
  #port: Promise<number>;

  /** @param path of the database */
  constructor(path: string) {
    this.#path = path;
    this.#port = this.#start();
  }

  /** Of the server that runs, or of the next one. */
  get port(): Promise<number> {
    return this.#port;
  }

  /** `kill -9`, and starts the next one. */
  async restart(): Promise<void> {
    await this.#port;
    this.#port = this.#kill().then(() => this.#start());
    await this.#port;
  }

  async stop(): Promise<void> {
    await this.#port;
    this.agent.destroy();
    await this.#kill();
  }

  async #kill(): Promise<void> {
    const exited = once(this.#child!, 'exit');
    this.#child!.kill('SIGKILL');
    await exited;
  }

  async #start(): Promise<number> {
    const program = join(import.meta.dirname, 'soak-server.fixture.ts');
    const child = spawn(process.execPath, [program, this.#path], {stdio: ['pipe', 'pipe', 'inherit']});
    this.#child = child;
    for await (const line of createInterface({input: child.stdout})) return Number(line);
    throw new Error('the server did not start');
  }
}

/** The answer, or undefined where the server died before it came. */
async function ask(
  server: KilledServer,
  path: string,
  body?: CacheWrite,
): Promise<Record<string, unknown> | undefined> {
  const port = await server.port;
  try {
    const sent = request({
      port,
      host: '127.0.0.1',
      path,
      method: body === undefined ? 'GET' : 'POST',
      agent: server.agent,
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
    return JSON.parse(await text(response)) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** A change that the server has acknowledged. */
export interface AcknowledgedChange {
  revision: number;
  key: string;
  /** Undefined: deleted. */
  color: string | undefined;
}

/** Counts what was done, for who waits until so much is done. */
export class Progress {
  #count = 0;
  #waiting: {count: number; resolve: () => void}[] = [];

  step(): void {
    this.#count += 1;
    for (const {count, resolve} of this.#waiting) if (count === this.#count) resolve();
  }

  /** Resolves when so much more is done. */
  more(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({count: this.#count + count, resolve});
    });
  }
}

/** Writes to keys that nobody else writes to, one after another. */
export class SoakWriter {
  readonly acknowledged: AcknowledgedChange[] = [];
  readonly #server: KilledServer;
  readonly #progress: Progress;
  readonly #known = new Map<string, {revision: number; color: string | undefined}>();

  constructor(server: KilledServer, progress: Progress) {
    this.#server = server;
    this.#progress = progress;
  }

  /** Creates, changes or deletes; tries again until the server says that it is done. */
  async put(key: string, color: string | undefined): Promise<void> {
    for (;;) {
      const expected = this.#known.get(key)?.revision ?? 0;
      if (expected === 0 && color === undefined) return;
      const object: KubeObject | undefined = color === undefined ? undefined : objectOf(key, color);
      const answer = await ask(this.#server, '/', {key, expected, object});
      if (typeof answer?.['revision'] === 'number') {
        const {revision} = answer;
        this.acknowledged.push({revision, key, color});
        this.#progress.step();
        this.#known.set(key, {revision: color === undefined ? 0 : revision, color});
        return;
      }
      assert.equal(answer, undefined, `the server has another revision of ${key} than the last acknowledged one`);
      if (await this.#isDone(key, color)) return;
    }
  }

  /** After a write without an answer: it was carried out, or nothing has changed. */
  async #isDone(key: string, color: string | undefined): Promise<boolean> {
    const known = this.#known.get(key) ?? {revision: 0, color: undefined};
    let found: Record<string, unknown> | undefined;
    while (found === undefined) found = await ask(this.#server, `/${key}`);
    const revision = Number(found['revision']);
    if (revision === known.revision) return false;
    assert.equal(found['color'], color, `${key} is neither what it was nor what was written`);
    assert.ok(revision === 0 || revision > known.revision);
    this.#known.set(key, {revision, color});
    return true;
  }
}

interface Line {
  type: string;
  object: KubeObject;
}

/** Watches, and goes on where it was after each end of the server. */
export class SoakWatcher {
  /** Events after the initial ones. */
  readonly events: {revision: number; type: string; key: string; color: string | undefined}[] = [];
  readonly prefix: string;
  /** What it knows, by key. */
  readonly state = new Map<string, string | undefined>();
  /** Up to this revision it knows all; undefined: it begins anew. */
  position: number | undefined;
  interruptions = 0;
  readonly #server: KilledServer;
  readonly #started = Promise.withResolvers<void>();

  constructor(server: KilledServer, prefix: string) {
    this.#server = server;
    this.prefix = prefix;
  }

  /** Resolves when it has the initial state. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** Reads until an object of this key is there. */
  async watchUntil(key: string): Promise<void> {
    while (!this.state.has(key)) {
      const port = await this.#server.port;
      try {
        await this.#readStream(port, key);
      } catch (error) {
        // The server is dead. What it sent must be right nevertheless.
        if (error instanceof assert.AssertionError) throw error;
      }
      if (!this.state.has(key)) this.interruptions += 1;
    }
  }

  async #readStream(port: number, last: string): Promise<void> {
    const after = this.position === undefined ? '' : `&after=${this.position}`;
    if (this.position === undefined) this.state.clear();
    const sent = get({port, host: '127.0.0.1', path: `/?prefix=${this.prefix}${after}`});
    const [response] = (await once(sent, 'response')) as [NodeJS.ReadableStream];
    let rest = '';
    for await (const chunk of response) {
      const lines = (rest + String(chunk)).split('\n');
      // What the server was writing when it died.
      rest = lines.pop()!;
      for (const line of lines) this.#take(JSON.parse(line) as Line);
      if (this.state.has(last)) sent.destroy();
    }
  }

  #take({type, object: {metadata}}: Line): void {
    const revision = Number(metadata.resourceVersion);
    const key = `${metadata.namespace}/${metadata.name}`;
    const color = metadata.labels?.['color'];
    if (type === 'BOOKMARK') {
      this.position = revision;
      this.#started.resolve();
      return;
    }
    assert.equal(
      this.state.has(key),
      type !== 'ADDED',
      `${type} ${key} @${revision}: an event is missing or came twice`,
    );
    if (type === 'DELETED') this.state.delete(key);
    else this.state.set(key, color);
    if (this.position === undefined) return;
    assert.ok(revision > this.position, `${revision} came after ${this.position}`);
    this.position = revision;
    this.events.push({revision, type, key, color});
  }
}
