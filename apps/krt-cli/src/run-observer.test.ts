import {describe, expect, test} from '@jest/globals';
import {isTerminal, type Run, type RunStatus} from '@kruntimes/api-types';
import {
  ApiError,
  type ListOptions,
  type ObjectList,
  ReconcilerKitError,
  type WatchEvent,
  type WatchOptions,
} from '@kruntimes/reconciler-kit';
import {ManualClock} from '@kruntimes/reconciler-kit/testing';
import {RunObserver, type RunObserverOptions} from './run-observer.ts';
import {runFixture} from './testing/run-fixture.ts';

function at(run: Run, resourceVersion: number, status: RunStatus, uid?: string): Run {
  const metadata = {...run.metadata, resourceVersion: String(resourceVersion), ...(uid ? {uid} : {})};
  return {...run, metadata, status};
}

interface Script {
  events: WatchEvent<Run>[];
  /** The watch begins, and breaks with this. */
  error?: unknown;
  /** The watch does not even begin. */
  refusal?: unknown;
  stay?: boolean;
}

/** Answers each watch with the next script: events, then its end or an error. */
class ScriptedRuns {
  readonly watches: WatchOptions[] = [];
  lists = 0;
  listed: Run[] = [];
  readonly #scripts: Script[];

  constructor(scripts: Script[]) {
    this.#scripts = scripts;
  }

  async list(_options?: ListOptions): Promise<ObjectList<Run>> {
    this.lists++;
    return {metadata: {resourceVersion: '100'}, items: this.listed};
  }

  async openWatch(options: WatchOptions = {}): Promise<{batches: AsyncIterable<WatchEvent<Run>[]>; close(): void}> {
    this.watches.push(options);
    const script = this.#scripts.shift();
    if (script?.refusal) throw script.refusal;
    return {batches: this.#play(script, options.signal), close: () => undefined};
  }

  async *#play(script: Script | undefined, signal: AbortSignal | undefined): AsyncGenerator<WatchEvent<Run>[]> {
    if (script) yield script.events;
    if (script?.error) throw script.error;
    if (!script || script.stay) {
      signal?.throwIfAborted();
      await new Promise((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason));
      });
    }
  }
}

const run = runFixture('hello');
const clock = Object.assign(new ManualClock(), {sleep: () => Promise.resolve()});

function observe(
  runs: ScriptedRuns,
  options: Partial<RunObserverOptions> = {},
): {observer: RunObserver; stop: AbortController} {
  const stop = new AbortController();
  const observer = new RunObserver({runs, namespace: 'default', created: [run], clock, random: () => 0.5, ...options});
  return {observer, stop};
}

const ended = (each: Run): boolean => isTerminal(each.status?.phase);

describe('RunObserver', () => {
  test('watches a Run that was just created from its creation on, without a list', async () => {
    const runs = new ScriptedRuns([
      {events: [{type: 'MODIFIED', object: at(run, 2, {phase: 'Succeeded'})}], stay: true},
    ]);
    const {observer, stop} = observe(runs);
    void observer.start(stop.signal);
    expect((await observer.until('hello', ended)).status?.phase).toBe('Succeeded');
    expect(runs.lists).toBe(0);
    expect(runs.watches[0]).toMatchObject({
      namespace: 'default',
      fieldSelector: 'metadata.name=hello',
      resourceVersion: '1',
    });
    stop.abort();
  });

  test('resumes where the watch broke off', async () => {
    const troubles: (string | undefined)[] = [];
    const runs = new ScriptedRuns([
      {events: [{type: 'MODIFIED', object: at(run, 5, {phase: 'Scheduled', attempt: 1})}]},
      {events: [], refusal: new ReconcilerKitError('CONNECTION_FAILED', 'refused', {retryable: true})},
      {events: [{type: 'BOOKMARK', object: at(run, 9, {phase: 'Pending'})}]},
      {events: [{type: 'MODIFIED', object: at(run, 12, {phase: 'Failed'})}], stay: true},
    ]);
    const {observer, stop} = observe(runs, {onTrouble: (problem) => troubles.push(problem)});
    void observer.start(stop.signal);
    await observer.until('hello', ended);
    expect(runs.watches.map((each) => each.resourceVersion)).toEqual(['1', '5', '5', '9']);
    expect(troubles).toEqual(['refused', undefined]);
    expect(runs.lists).toBe(0);
    stop.abort();
  });

  test('reads everything again when the server has forgotten', async () => {
    const runs = new ScriptedRuns([{events: [], error: new ApiError({status: 410, message: 'too old'})}]);
    runs.listed = [at(run, 50, {phase: 'Succeeded'})];
    const {observer, stop} = observe(runs);
    void observer.start(stop.signal);
    await observer.until('hello', ended);
    expect(runs.lists).toBe(1);
    stop.abort();
  });

  test('a Run that goes away, or whose name another object has now, was deleted', async () => {
    const deleted = new ScriptedRuns([
      {events: [{type: 'DELETED', object: at(run, 3, {phase: 'Running'})}], stay: true},
    ]);
    const first = observe(deleted);
    void first.observer.start(first.stop.signal);
    await expect(first.observer.until('hello', ended)).rejects.toMatchObject({code: 'RUN_DELETED'});
    await expect(first.observer.gone('hello')).resolves.toBeUndefined();
    first.stop.abort();

    const replaced = new ScriptedRuns([{events: [], error: new ApiError({status: 410, message: 'too old'})}]);
    replaced.listed = [at(run, 50, {phase: 'Succeeded'}, 'another-uid')];
    const second = observe(replaced);
    void second.observer.start(second.stop.signal);
    await expect(second.observer.until('hello', ended)).rejects.toMatchObject({code: 'RUN_DELETED'});
    second.stop.abort();
  });

  test('gives up where trying again does not help, and when it is told to stop', async () => {
    const forbidden = observe(
      new ScriptedRuns([{events: [], refusal: new ApiError({status: 403, message: 'forbidden'})}]),
    );
    const refused = forbidden.observer.until('hello', ended);
    await forbidden.observer.start(forbidden.stop.signal);
    await expect(refused).rejects.toMatchObject({status: 403});
    await expect(forbidden.observer.until('hello', ended)).rejects.toMatchObject({status: 403});

    const stopped = observe(new ScriptedRuns([]));
    const waiting = stopped.observer.until('hello', ended);
    const watching = stopped.observer.start(stopped.stop.signal);
    stopped.stop.abort(new Error('enough'));
    await watching;
    await expect(waiting).rejects.toThrow('enough');
  });

  test('bears with an API server that refuses for a moment after its restart, but not for ever', async () => {
    const refusal = new ApiError({status: 403, message: 'RBAC: not ready'});
    const refused = (times: number): Script[] => Array.from({length: times}, () => ({events: [], refusal}));
    const begun: Script = {events: [{type: 'MODIFIED', object: at(run, 2, {phase: 'Running'})}]};
    const over: Script = {events: [{type: 'MODIFIED', object: at(run, 3, {phase: 'Succeeded'})}], stay: true};
    const patient = observe(new ScriptedRuns([begun, ...refused(3), over]));
    void patient.observer.start(patient.stop.signal);
    await expect(patient.observer.until('hello', ended)).resolves.toMatchObject({status: {phase: 'Succeeded'}});
    patient.stop.abort();

    const lasting = observe(new ScriptedRuns([begun, ...refused(20), over]));
    void lasting.observer.start(lasting.stop.signal);
    await expect(lasting.observer.until('hello', ended)).rejects.toBe(refusal);
  });

  test('does not storm a server that ends every watch at once', async () => {
    const pauses: number[] = [];
    const stop = new AbortController();
    const counting = Object.assign(new ManualClock(), {
      sleep: (ms: number) => {
        pauses.push(ms);
        if (pauses.length === 8) stop.abort(new Error('enough'));
        return Promise.resolve();
      },
    });
    const runs = new ScriptedRuns(Array.from({length: 20}, () => ({events: []})));
    const {observer} = observe(runs, {clock: counting});
    await observer.start(stop.signal);
    expect(pauses).toEqual([150, 300, 600, 1200, 2400, 4800, 7500, 7500]);
  });

  test('several Runs share one watch of the namespace', async () => {
    const other = runFixture('other');
    const stranger = runFixture('stranger');
    const runs = new ScriptedRuns([
      {
        events: [
          {type: 'ADDED', object: at(stranger, 4, {phase: 'Pending'})},
          {type: 'MODIFIED', object: at(other, 5, {phase: 'Succeeded'})},
          {type: 'MODIFIED', object: at(run, 6, {phase: 'Succeeded'})},
        ],
        stay: true,
      },
    ]);
    const {observer, stop} = observe(runs, {
      created: [at(run, 10, {phase: 'Pending'}), at(other, 9, {phase: 'Pending'})],
    });
    void observer.start(stop.signal);
    await Promise.all(['hello', 'other'].map((name) => observer.until(name, ended)));
    expect(runs.watches).toHaveLength(1);
    expect(runs.watches[0]).toMatchObject({resourceVersion: '9'});
    expect(runs.watches[0]?.fieldSelector).toBeUndefined();
    expect(observer.runs.map((each) => each.metadata?.name)).toEqual(['hello', 'other']);
    stop.abort();
  });
});
