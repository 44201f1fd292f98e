import {isJsonObject, type JsonObject, type JsonValue, member, setMember} from '../json/json-value.ts';
import {itemElement, type PathElement} from './path-element.ts';
import {deducedType, type Form, formOf, type ListType, type MapType, type ValueType} from './value-type.ts';

type Value = JsonValue | undefined;

/**
 * Puts what is applied over what is there: members of granular objects and items of sets and maps one by one, everything else as a whole.
 * The result shares parts with both.
 *
 * @throws ListItemError
 */
export function merge(type: ValueType, live: Value, applied: Value): Value {
  if (applied === undefined) return live;
  if (live === undefined) return applied;
  return mergeAs(formOf(type, applied), type, live, applied);
}

function mergeAs(form: Form, type: ValueType, live: JsonValue, applied: JsonValue): Value {
  if (form === 'list' && type.list) return mergeLists(type.list, live, applied);
  if (form !== 'scalar' && type.map) return mergeMaps(type.map, live, applied);
  return applied;
}

function mergeMaps(type: MapType, live: JsonValue, applied: JsonValue): Value {
  const left = isJsonObject(live) && Object.keys(live).length > 0 ? live : undefined;
  const right = isJsonObject(applied) && Object.keys(applied).length > 0 ? applied : undefined;
  if (type.atomic || !left) return applied;
  // Nothing is not less than what is there.
  if (!right) return left;
  const result: JsonObject = {};
  const put = (key: string, value: Value): void => {
    if (value !== undefined) setMember(result, key, value);
  };
  for (const key of Object.keys(left)) put(key, merge(type.typeOf(key) ?? deducedType, left[key], member(right, key)));
  for (const key of Object.keys(right)) if (member(left, key) === undefined) put(key, right[key]);
  return result;
}

function mergeLists(type: ListType, live: JsonValue, applied: JsonValue): Value {
  const left = Array.isArray(live) && live.length > 0 ? live : undefined;
  const right = Array.isArray(applied) && applied.length > 0 ? applied : undefined;
  if (type.atomic || !left) return applied;
  if (!right) return left;
  return new ListMerge(type, left, right).run();
}

/** Items in the order in which they are applied; others stay about where they were. */
class ListMerge {
  readonly #type: ListType;
  readonly #live: {element: PathElement; item: JsonValue}[];
  readonly #applied: {element: PathElement; item: JsonValue}[];
  /** Null of those that are there more than once: they are replaced as a whole. */
  readonly #liveItems = new Map<PathElement, JsonValue>();
  readonly #appliedItems = new Map<PathElement, JsonValue>();
  readonly #done = new Set<PathElement>();
  /** In the order of what is applied. */
  readonly #shared: PathElement[];
  readonly #merged: JsonValue[] = [];

  constructor(type: ListType, live: readonly JsonValue[], applied: readonly JsonValue[]) {
    this.#type = type;
    const index = (item: JsonValue): {element: PathElement; item: JsonValue} => ({
      element: itemElement(type, item),
      item,
    });
    this.#live = live.map(index);
    this.#applied = applied.map(index);
    for (const {element, item} of this.#live) this.#liveItems.set(element, this.#liveItems.has(element) ? null : item);
    for (const {element, item} of this.#applied) this.#appliedItems.set(element, item);
    this.#shared = this.#applied.map(({element}) => element).filter((element) => this.#liveItems.has(element));
  }

  run(): JsonValue[] {
    let nextShared = this.#shared.shift();
    let l = 0;
    let r = 0;
    while (l < this.#live.length || r < this.#applied.length) {
      const live = this.#live[l];
      const applied = this.#applied[r];
      if (live && applied) {
        if (live.element === applied.element) {
          this.#take(applied.element);
          l++;
          r++;
          nextShared = this.#shared.shift();
          continue;
        }
        // Both have it, but it is not its turn.
        if (this.#appliedItems.has(live.element) && nextShared !== undefined && nextShared !== live.element) {
          l++;
          continue;
        }
      }
      if (live) {
        if (!this.#appliedItems.has(live.element)) {
          this.#merged.push(live.item);
          l++;
          continue;
        }
        if (this.#done.has(live.element)) l++;
      }
      if (applied) {
        this.#take(applied.element);
        r++;
        if (nextShared === applied.element) nextShared = this.#shared.shift();
      }
    }
    return this.#merged;
  }

  #take(element: PathElement): void {
    this.#done.add(element);
    const value = merge(this.#type.element, this.#liveItems.get(element), this.#appliedItems.get(element));
    if (value !== undefined) this.#merged.push(value);
  }
}
