import {jsonEqual} from '../json/json-equal.ts';
import type {JsonValue} from '../json/json-value.ts';

/** By what an item of a list is told apart. */
type ReadKey = (item: JsonValue) => JsonValue;

/** Items of a merged list: those that the patch names, and the others. */
export interface ListParts {
  patched: JsonValue[];
  others: JsonValue[];
}

export function partition(merged: readonly JsonValue[], patch: readonly JsonValue[], read: ReadKey): ListParts {
  const named = new Places(patch, read);
  const parts: ListParts = {patched: [], others: []};
  for (const item of merged) (named.of(item) < 0 ? parts.others : parts.patched).push(item);
  return parts;
}

/**
 * Puts both together: what the patch names in the order of the patch, the others in the order in which they are, each as far in front as
 * the order in which all were allows.
 */
export function orderedByPatch(
  {patched, others}: ListParts,
  order: readonly JsonValue[],
  original: readonly JsonValue[],
  read: ReadKey,
): JsonValue[] {
  const wanted = new Places(order, read);
  const present = new Places(original, read);
  const right = patched.toSorted((a, b) => wanted.of(a) - wanted.of(b));
  const left = others.toSorted((a, b) => present.of(a) - present.of(b));
  const all: JsonValue[] = [];
  let l = 0;
  let r = 0;
  while (l < left.length && r < right.length) {
    const before = present.of(left[l]!);
    const after = present.of(right[r]!);
    all.push(before >= 0 && after >= 0 && before < after ? left[l++]! : right[r++]!);
  }
  return [...all, ...left.slice(l), ...right.slice(r)];
}

/** Where items stand in a list: the first of those with the same key. */
class Places {
  readonly #places = new Map<JsonValue, number>();
  /** Keys that are objects or lists. */
  readonly #complex: {key: JsonValue; place: number}[] = [];
  readonly #read: ReadKey;

  constructor(list: readonly JsonValue[], read: ReadKey) {
    this.#read = read;
    for (const [place, item] of list.entries()) {
      const key = read(item);
      if (typeof key === 'object' && key !== null) this.#complex.push({key, place});
      else if (!this.#places.has(key)) this.#places.set(key, place);
    }
  }

  /** -1 of what is not there. */
  of(item: JsonValue): number {
    const key = this.#read(item);
    if (typeof key !== 'object' || key === null) return this.#places.get(key) ?? -1;
    return this.#complex.find((each) => jsonEqual(each.key, key))?.place ?? -1;
  }
}
