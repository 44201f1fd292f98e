import type {CachedObject, TextObject} from './cached-object.ts';
import {SharedEvent} from './watch-event.ts';

/** One change in the history of a cache. */
export class Change {
  readonly revision: number;
  readonly key: string;
  readonly current: TextObject | undefined;
  readonly previous: TextObject | undefined;
  #added: SharedEvent | undefined;
  #modified: SharedEvent | undefined;
  #deleted: SharedEvent | undefined;

  constructor(
    revision: number,
    key: string,
    states: {current: TextObject | undefined; previous: TextObject | undefined},
  ) {
    this.revision = revision;
    this.key = key;
    this.current = states.current;
    this.previous = states.previous;
  }

  /** About what it is to send it. */
  get size(): number {
    return 200 + (this.current ?? this.previous)!.size;
  }

  /** What it is for one who sees only what matches: undefined where that does not change. */
  eventFor(matches: ((object: CachedObject) => boolean) | undefined): SharedEvent | undefined {
    const {current, previous} = this;
    const is = current !== undefined && (matches === undefined || matches(current));
    const was = previous !== undefined && (matches === undefined || matches(previous));
    if (is) {
      if (was) return (this.#modified ??= new SharedEvent('MODIFIED', current));
      return (this.#added ??= new SharedEvent('ADDED', current));
    }
    return was ? (this.#deleted ??= new SharedEvent('DELETED', previous.at(this.revision))) : undefined;
  }
}
