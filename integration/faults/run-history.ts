import {setTimeout as delay} from 'node:timers/promises';
import type {Run} from '@kruntimes/api-types';

/** One state of a Run, as it was stored. */
export interface Revision {
  revision: number;
  /** When it was seen here, by `performance.now()`. */
  atMs: number;
  run: Run;
}

interface WatchAnswer {
  result?: {
    header?: {revision?: string};
    /** Only where it is too late for the revision that was asked for. */
    compact_revision?: string;
    events?: {type?: 'DELETE'; kv: {key: string; value?: string; mod_revision: string}}[];
  };
}

const pauseMs = 50;
const caughtUpMs = 60_000;

/**
 * Every state that every Run of a namespace ever had, from etcd itself: a watch on the API server may skip states when the
 * server restarts, this one goes on where it was. etcd must not be compacted meanwhile.
 *
 * @see https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/
 */
export class RunHistory {
  readonly #etcdServer: string;
  readonly #prefix: string;
  readonly #stop = new AbortController();
  readonly #byUid = new Map<string, Revision[]>();
  readonly #listeners = new Set<(revision: Revision) => void>();
  readonly #waiting = new Set<() => void>();
  readonly #watching: Promise<void>;
  #nextRevision = 1;
  #compacted = false;

  private constructor(etcdServer: string, namespace: string) {
    this.#etcdServer = etcdServer;
    this.#prefix = `/registry/kruntimes.io/runs/${namespace}/`;
    this.#watching = this.#watch();
  }

  /** From the first Run of the namespace on. */
  static start(etcdServer: string, namespace: string): RunHistory {
    return new RunHistory(etcdServer, namespace);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#watching;
  }

  /** All states of a Run, oldest first. */
  of(uid: string): readonly Revision[] {
    return this.#byUid.get(uid) ?? [];
  }

  /** Calls `listener` for each new state. */
  onRevision(listener: (revision: Revision) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when everything is known here that was stored before the call. */
  async caughtUp(): Promise<void> {
    const query = {
      ...this.#range,
      sort_order: 'DESCEND',
      sort_target: 'MOD',
      limit: '1',
      keys_only: true,
    };
    const answer = await fetch(`${this.#etcdServer}/v3/kv/range`, {method: 'POST', body: JSON.stringify(query)});
    const {kvs = []} = (await answer.json()) as {kvs?: {mod_revision: string}[]};
    const newest = Number(kvs[0]?.mod_revision ?? 0);
    const deadline = performance.now() + caughtUpMs;
    while (this.#nextRevision <= newest) {
      if (this.#compacted) throw new Error('etcd no longer has all states of the Runs');
      if (performance.now() > deadline) throw new Error(`etcd did not send revision ${newest} in ${caughtUpMs} ms`);
      const limit = new AbortController();
      const news = new Promise<void>((resolve) => this.#waiting.add(resolve));
      await Promise.race([news, delay(caughtUpMs, undefined, {signal: limit.signal}).catch(() => {})]);
      limit.abort();
    }
  }

  /** Forgets what it has seen. */
  clear(): void {
    this.#byUid.clear();
  }

  get #range(): {key: string; range_end: string} {
    const end = `${this.#prefix.slice(0, -1)}0`;
    return {key: Buffer.from(this.#prefix).toString('base64'), range_end: Buffer.from(end).toString('base64')};
  }

  async #watch(): Promise<void> {
    const {signal} = this.#stop;
    while (!signal.aborted && !this.#compacted) {
      // A failure means that etcd is being restarted.
      await this.#watchOnce(signal).catch(() => {});
      await delay(pauseMs, undefined, {signal}).catch(() => {});
    }
  }

  async #watchOnce(signal: AbortSignal): Promise<void> {
    const body = JSON.stringify({create_request: {...this.#range, start_revision: String(this.#nextRevision)}});
    const answer = await fetch(`${this.#etcdServer}/v3/watch`, {method: 'POST', body, signal});
    if (answer.body === null) throw new Error('etcd answered without a body');
    let rest = '';
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) if (line !== '') this.#take(JSON.parse(line) as WatchAnswer);
    }
  }

  #take({result}: WatchAnswer): void {
    this.#compacted ||= result?.compact_revision !== undefined;
    for (const {type, kv} of result?.events ?? []) {
      const revision = Number(kv.mod_revision);
      this.#nextRevision = Math.max(this.#nextRevision, revision + 1);
      if (type === 'DELETE') continue;
      const run = JSON.parse(Buffer.from(kv.value ?? '', 'base64').toString('utf8')) as Run;
      const entry = {revision, atMs: performance.now(), run};
      const uid = run.metadata?.uid ?? '';
      this.#byUid.set(uid, [...this.of(uid), entry]);
      for (const listener of this.#listeners) listener(entry);
    }
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
