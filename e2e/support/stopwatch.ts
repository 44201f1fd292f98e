import type {Cache, DeepReadonly, KubernetesObject} from '@kruntimes/reconciler-kit';
import {patient} from './world.ts';

/** How long objects take from the request that creates them until they are seen to be done. */
export class Stopwatch<T extends KubernetesObject> {
  readonly #started = new Map<string, number>();
  readonly #done = new Map<string, number>();
  readonly #waiting = new Map<string, () => void>();

  /** @param nameOf by what name an object is timed. Default: its own */
  constructor(
    cache: Cache<T>,
    isDone: (object: DeepReadonly<T>) => boolean,
    nameOf: (object: DeepReadonly<T>) => string | undefined = ({metadata}) => metadata?.name,
  ) {
    const look = (object: DeepReadonly<T>): void => {
      const name = nameOf(object) ?? '';
      if (this.#done.has(name) || !isDone(object)) return;
      this.#done.set(name, performance.now());
      this.#waiting.get(name)?.();
    };
    cache.subscribe({add: look, update: (_, object) => look(object)});
  }

  /** Resolves when the object is done. `others` take the same time as its start. */
  async time(name: string, create: () => Promise<void>, ...others: {start(name: string): void}[]): Promise<void> {
    for (const stopwatch of [this, ...others]) stopwatch.start(name);
    await create();
    await this.#untilDone(name);
  }

  start(name: string): void {
    this.#started.set(name, performance.now());
  }

  /** Creates all at once. @returns seconds from the first request until the last one is done */
  async timeAll(names: readonly string[], create: (name: string) => Promise<void>): Promise<number> {
    const started = performance.now();
    await Promise.all(names.map((name) => this.time(name, () => create(name))));
    return (performance.now() - started) / 1000;
  }

  /** Milliseconds that this share of the objects took at most. */
  percentile(names: readonly string[], share: number): number {
    const took = names
      .map((name) => (this.#done.get(name) ?? Number.NaN) - (this.#started.get(name) ?? Number.NaN))
      .toSorted((a, b) => a - b);
    return took[Math.ceil(share * took.length) - 1] ?? Number.NaN;
  }

  async #untilDone(name: string): Promise<void> {
    const {promise, resolve, reject} = Promise.withResolvers<void>();
    const limit = setTimeout(
      () => reject(new Error(`${name} was not done in ${patient.timeoutMs} ms`)),
      patient.timeoutMs,
    );
    this.#waiting.set(name, resolve);
    if (this.#done.has(name)) resolve();
    await promise.finally(() => clearTimeout(limit));
  }
}
