import {jsonEqual} from '../json/json-equal.ts';
import {isJsonObject, type JsonObject, type JsonValue, member} from '../json/json-value.ts';
import {emptySet, type FieldSet, insertPath, sortSet} from './field-set.ts';
import {fieldElement, itemElement, type PathElement} from './path-element.ts';
import {deducedType, type Form, formOf, type ListType, type MapType, type ValueType} from './value-type.ts';

/** What differs between two objects. */
export interface Comparison {
  added: FieldSet;
  modified: FieldSet;
  removed: FieldSet;
}

/**
 * Compares what owners can own: members of granular objects and items of sets and maps one by one, everything else as a whole.
 *
 * @throws ListItemError
 */
export function compare(type: ValueType, old: JsonValue, next: JsonValue): Comparison {
  return new Comparing().run(type, old, next);
}

type Value = JsonValue | undefined;
/** A step that is written out only when something is found there. */
type Step = {field: string} | {item: PathElement};

class Comparing {
  readonly #path: Step[] = [];
  readonly #found: {added?: FieldSet; modified?: FieldSet; removed?: FieldSet} = {};

  run(type: ValueType, old: JsonValue, next: JsonValue): Comparison {
    this.#visit(type, old, next);
    const {added, modified, removed} = this.#found;
    return {added: finished(added), modified: finished(modified), removed: finished(removed)};
  }

  #note(kind: keyof Comparison): void {
    if (this.#path.length === 0) return;
    const path = this.#path.map((step) => ('field' in step ? fieldElement(step.field) : step.item));
    insertPath((this.#found[kind] ??= {}), path);
  }

  #visit(type: ValueType, old: Value, next: Value): void {
    if (old === next) return;
    const oldForm = formOf(type, old);
    const nextForm = formOf(type, next);
    let leaf: boolean;
    if (next === undefined) {
      leaf = this.#compareAs(oldForm, type, old, next);
    } else {
      // What was of another form is gone as such, and has come as such.
      if (old !== undefined && oldForm !== nextForm) this.#compareAs(oldForm, type, old, next);
      leaf = this.#compareAs(nextForm, type, old, next);
    }
    if (leaf) return;
    if (old === undefined) this.#note('added');
    else if (next === undefined) this.#note('removed');
  }

  /** Whether it was compared as a whole. */
  #compareAs(form: Form, type: ValueType, old: Value, next: Value): boolean {
    if (form === 'list' && type.list) return this.#compareLists(type.list, old, next);
    if (form !== 'scalar' && type.map) return this.#compareMaps(type.map, old, next);
    return this.#compareWholes(old, next);
  }

  #compareWholes(old: Value, next: Value): true {
    if (old === undefined) this.#note('added');
    else if (next === undefined) this.#note('removed');
    else if (!jsonEqual(old, next)) this.#note('modified');
    return true;
  }

  #compareMaps(type: MapType, old: Value, next: Value): boolean {
    const left = isJsonObject(old) ? old : undefined;
    const right = isJsonObject(next) ? next : undefined;
    if (type.atomic || (isEmpty(left) && isEmpty(right))) return this.#compareWholes(old, next);
    if (left) {
      for (const key of Object.keys(left)) {
        const value = left[key];
        const other = right && member(right, key);
        if (value !== undefined && value !== other) this.#descend({field: key}, typeOfMember(type, key), value, other);
      }
    }
    if (right) {
      for (const key of Object.keys(right)) {
        const value = right[key];
        if (value === undefined || (left && member(left, key) !== undefined)) continue;
        this.#descend({field: key}, typeOfMember(type, key), undefined, value);
      }
    }
    return false;
  }

  #compareLists(type: ListType, old: Value, next: Value): boolean {
    const left = Array.isArray(old) ? old : undefined;
    const right = Array.isArray(next) ? next : undefined;
    if (type.atomic || (!left?.length && !right?.length)) return this.#compareWholes(old, next);
    if (left && right && jsonEqual(left, right)) return false;
    const items = new Map<PathElement, {old: JsonValue[]; next: JsonValue[]}>();
    const collect = (list: readonly JsonValue[], side: 'old' | 'next'): void => {
      for (const item of list) {
        const element = itemElement(type, item);
        let both = items.get(element);
        if (both === undefined) items.set(element, (both = {old: [], next: []}));
        both[side].push(item);
      }
    };
    collect(left ?? [], 'old');
    collect(right ?? [], 'next');
    for (const [element, {old: before, next: after}] of items) this.#compareItems(type, element, before, after);
    return false;
  }

  /** Items that are there more than once are owned together, as a whole. */
  #compareItems(type: ListType, element: PathElement, old: readonly JsonValue[], next: readonly JsonValue[]): void {
    const step = {item: element};
    if (old.length <= 1 && next.length <= 1) return this.#descend(step, type.element, old[0], next[0]);
    if (old.length > 1 && next.length > 1) {
      if (!jsonEqual([...old], [...next])) this.#noteAt(step, 'modified');
    } else if (old.length > 1) {
      if (next.length > 0) this.#descend(step, type.element, undefined, next[0]);
      this.#noteAt(step, 'removed');
    } else {
      if (old.length > 0) this.#descend(step, type.element, old[0], undefined);
      this.#noteAt(step, 'added');
    }
  }

  #noteAt(step: Step, kind: keyof Comparison): void {
    this.#path.push(step);
    this.#note(kind);
    this.#path.pop();
  }

  #descend(step: Step, type: ValueType, old: Value, next: Value): void {
    this.#path.push(step);
    this.#visit(type, old, next);
    this.#path.pop();
  }
}

function finished(set: FieldSet | undefined): FieldSet {
  return set === undefined ? emptySet : sortSet(set);
}

function isEmpty(object: JsonObject | undefined): boolean {
  if (object !== undefined) for (const key in object) if (object[key] !== undefined) return false;
  return true;
}

/** A member that the schema does not have may be there since before the schema was changed. */
function typeOfMember(type: MapType, key: string): ValueType {
  return type.typeOf(key) ?? deducedType;
}
