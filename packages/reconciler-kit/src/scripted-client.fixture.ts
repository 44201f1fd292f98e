import type {Clock} from './clock.ts';
import {defineKind, type KubernetesObject} from './kind.ts';
import {KindClient, type ListOptions, type ObjectList, type WatchOptions} from './kind-client.ts';
import type {RawWatchEvent, WatchStream} from './watch-stream.ts';

export interface Thing extends KubernetesObject {
  spec?: {value: number; group?: string};
}

export const thingKind = defineKind<Thing>({
  group: 'example.com',
  version: 'v1',
  kind: 'Thing',
  plural: 'things',
  namespaced: true,
});

export function thing(name: string, resourceVersion: number, overrides: {uid?: string; value?: number} = {}): Thing {
  return {
    metadata: {name, namespace: 'ns', uid: overrides.uid ?? `uid-${name}`, resourceVersion: String(resourceVersion)},
    spec: {value: overrides.value ?? resourceVersion},
  };
}

export function bookmark(resourceVersion: number, endsInitialEvents = false): RawWatchEvent {
  return {
    type: 'BOOKMARK',
    object: {
      metadata: {
        resourceVersion: String(resourceVersion),
        ...(endsInitialEvents ? {annotations: {'k8s.io/initial-events-end': 'true'}} : {}),
      },
    },
  };
}

type Step = {batch: RawWatchEvent[]} | {error: unknown} | 'end';

/** One watch whose events the test pushes. */
export class ScriptedStream implements WatchStream {
  readonly options: WatchOptions;
  readonly openedAtMs: number;
  closed = false;
  readonly #steps: Step[] = [];
  #wake: (() => void) | undefined;

  constructor(options: WatchOptions, openedAtMs: number) {
    this.options = options;
    this.openedAtMs = openedAtMs;
    options.signal?.addEventListener('abort', () => this.fail(options.signal?.reason), {once: true});
  }

  push(...batch: RawWatchEvent[]): void {
    this.#step({batch});
  }

  end(): void {
    this.#step('end');
  }

  fail(error: unknown): void {
    this.#step({error});
  }

  close(): void {
    this.closed = true;
    this.#step('end');
  }

  #step(step: Step): void {
    this.#steps.push(step);
    this.#wake?.();
  }

  readonly batches: AsyncIterable<RawWatchEvent[]> = {
    [Symbol.asyncIterator]: () => this.#read(),
  };

  async *#read(): AsyncGenerator<RawWatchEvent[]> {
    for (;;) {
      const step = this.#steps.shift();
      if (step === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      } else if (step === 'end') {
        return;
      } else if ('error' in step) {
        throw step.error;
      } else {
        yield step.batch;
      }
    }
  }
}

/** A KindClient without a server: the test answers lists and watches. */
export class ScriptedClient extends KindClient<Thing> {
  readonly streams: ScriptedStream[] = [];
  readonly lists: ListOptions[] = [];
  /** Default: opens a stream that the test pushes into. Throw to refuse. */
  onWatch: (options: WatchOptions) => void = () => {};
  onList: (options: ListOptions) => ObjectList<Thing> = () => ({metadata: {resourceVersion: '1'}, items: []});
  readonly #clock: Clock;

  constructor(clock: Clock) {
    super(undefined as never, thingKind);
    this.#clock = clock;
  }

  get stream(): ScriptedStream {
    const last = this.streams.at(-1);
    if (last === undefined) throw new Error('no watch was opened');
    return last;
  }

  override async openWatch(options: WatchOptions): Promise<WatchStream> {
    this.onWatch(options);
    const stream = new ScriptedStream(options, this.#clock.monotonic());
    this.streams.push(stream);
    return stream;
  }

  override async list(options: ListOptions = {}): Promise<ObjectList<Thing>> {
    this.lists.push(options);
    return this.onList(options);
  }
}
