import assert from 'node:assert/strict';
import type {JsonObject} from '../json/json-value.ts';
import type {Answer, ServerProgram} from '../program/server-program.fixture.ts';
import {apiVersion, pathOf, type Widget} from './soak-kind.fixture.ts';

/** A change that was made; a deletion has no step. */
export interface MadeChange {
  step: string | undefined;
  /** That of the answer. Undefined: the server died before it answered, or it was a deletion, whose answer has none. */
  revision: number | undefined;
}

/** Counts what was done, for who waits until so much is done. */
export class Progress {
  #count = 0;
  #waiting: {count: number; resolve: () => void}[] = [];

  get count(): number {
    return this.#count;
  }

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

/** Writes to objects that nobody else writes to, one after another. */
export class SoakWriter {
  /** By key: all changes of an object, in order. */
  readonly made = new Map<string, MadeChange[]>();
  readonly #server: ServerProgram;
  readonly #progress: Progress;
  /** Revisions of what is there. */
  readonly #present = new Map<string, string>();

  constructor(server: ServerProgram, progress: Progress) {
    this.#server = server;
    this.#progress = progress;
  }

  /** Creates or changes; tries again until it is done. */
  async put(key: string, color: string, step: string): Promise<void> {
    for (;;) {
      const resourceVersion = this.#present.get(key);
      const body = widget(key, {color, step}, resourceVersion) as unknown as JsonObject;
      const answer =
        resourceVersion === undefined
          ? await this.#ask('POST', pathOf(`${key.split('/')[0]}/`), body)
          : await this.#ask('PUT', pathOf(key), body);
      if (answer !== undefined) {
        assert.ok(answer.code === 200 || answer.code === 201, `${answer.code} ${JSON.stringify(answer.body)}`);
        const {metadata} = answer.body as unknown as Widget;
        this.#done(key, step, metadata.resourceVersion, Number(metadata.resourceVersion));
        return;
      }
      if (await this.#wasDone(key, step)) return;
    }
  }

  /** Deletes what is there; tries again until it is done. */
  async remove(key: string): Promise<void> {
    for (;;) {
      const resourceVersion = this.#present.get(key);
      if (resourceVersion === undefined) return;
      const answer = await this.#ask('DELETE', pathOf(key), {preconditions: {resourceVersion}});
      if (answer !== undefined) {
        assert.equal(answer.code, 200, JSON.stringify(answer.body));
        this.#done(key, undefined, undefined, undefined);
        return;
      }
      if (await this.#wasDone(key, undefined)) return;
    }
  }

  /** The answer, or undefined where the server died before it came. */
  async #ask(method: string, path: string, body?: JsonObject): Promise<Answer | undefined> {
    return await this.#server.ask(method, path, body).catch(() => undefined);
  }

  /** After a write without an answer: it was carried out, or nothing has changed. */
  async #wasDone(key: string, step: string | undefined): Promise<boolean> {
    let found: Answer | undefined;
    while (found === undefined) found = await this.#ask('GET', pathOf(key));
    if (found.code === 404) {
      if (!this.#present.has(key)) return false;
      assert.equal(step, undefined, `${key} is gone: nobody has deleted it`);
      this.#done(key, undefined, undefined, undefined);
      return true;
    }
    assert.equal(found.code, 200, JSON.stringify(found.body));
    const {metadata, spec} = found.body as unknown as Widget;
    if (metadata.resourceVersion === this.#present.get(key)) return false;
    assert.equal(spec.step, step, `${key} is neither what it was nor what was written`);
    this.#done(key, step, metadata.resourceVersion, undefined);
    return true;
  }

  #done(
    key: string,
    step: string | undefined,
    resourceVersion: string | undefined,
    revision: number | undefined,
  ): void {
    const made = this.made.get(key) ?? [];
    this.made.set(key, made);
    made.push({step, revision});
    if (resourceVersion === undefined) this.#present.delete(key);
    else this.#present.set(key, resourceVersion);
    this.#progress.step();
  }
}

function widget(key: string, spec: Widget['spec'], resourceVersion: string | undefined): Widget {
  const [namespace = '', name = ''] = key.split('/');
  const metadata = {name, namespace, labels: {color: spec.color}, ...(resourceVersion && {resourceVersion})};
  return {apiVersion, kind: 'Widget', metadata, spec};
}
