import {isJsonObject, type JsonObject, MAX_DEPTH} from '../json/json-value.ts';
import {canonicalElement, compareElements, describeElement, type PathElement} from './path-element.ts';

/**
 * A set of paths, in the form of FieldsV1: members are path elements; below them stands what lies deeper, and `.` where the path to there
 * is in the set, too. `{}` below an element is that path alone. Never changed in place but by {@link insertPath}, and always in Kubernetes' order.
 *
 * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export type FieldSet = JsonObject;

const self = '.';
const leaf: FieldSet = Object.freeze({});

export const emptySet: FieldSet = leaf;

/** Of which it is known: to look whether it is empty, the engine enumerates all elements of a set. */
const largeSets = new WeakSet<FieldSet>();

export function isEmptySet(set: FieldSet): boolean {
  if (largeSets.has(set)) return false;
  let elements = 0;
  for (const _ in set) {
    elements++;
    if (elements < 16) continue;
    largeSets.add(set);
    break;
  }
  return elements === 0;
}

/** Whether the path that leads to this part of a set is in the set. */
function isMember(node: FieldSet): boolean {
  return node[self] !== undefined || isEmptySet(node);
}

/** A path that is in the set is only written so where something lies below. */
function hasChildren(node: FieldSet): boolean {
  return node[self] !== undefined || !isEmptySet(node);
}

function below(set: FieldSet, element: PathElement): FieldSet | undefined {
  return set[element] as FieldSet | undefined;
}

/** Whether the path of one element is in the set. */
export function hasElement(set: FieldSet, element: PathElement): boolean {
  const node = below(set, element);
  return node !== undefined && isMember(node);
}

export function hasPath(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set;
  for (const element of path) node = node && below(node, element);
  return node !== undefined && path.length > 0 && isMember(node);
}

/** What lies below an element; undefined where that is nothing. */
export function subsetBelow(set: FieldSet, element: PathElement): FieldSet | undefined {
  const node = below(set, element);
  return node !== undefined && hasChildren(node) ? node : undefined;
}

/** The elements of the first level. */
export function elementsOf(set: FieldSet): PathElement[] {
  return Object.keys(set).filter((element) => element !== self);
}

/** Adds a path, in place and out of order: {@link sortSet} when all are in. */
export function insertPath(set: FieldSet, path: readonly PathElement[]): void {
  let node = set;
  for (let index = 0; index < path.length; index++) {
    const element = path[index]!;
    const last = index === path.length - 1;
    let next = below(node, element);
    if (next === undefined) {
      next = {};
      node[element] = next;
      // What is empty is a member: it becomes more before anybody looks at it, or it is the end of the path.
    } else if (last) {
      if (!isEmptySet(next)) next[self] = leaf;
    } else if (isEmptySet(next)) {
      next[self] = leaf;
    }
    node = next;
  }
}

/** Brings what {@link insertPath} made into order. */
export function sortSet(set: FieldSet): FieldSet {
  const elements = Object.keys(set);
  if (elements.length === 0) return leaf;
  const sorted: FieldSet = {};
  if (Object.hasOwn(set, self)) sorted[self] = leaf;
  if (elements.length > 1) elements.sort(compareElements);
  for (const element of elements) if (element !== self) sorted[element] = sortSet(below(set, element)!);
  return sorted;
}

/** Whatever a client sent as FieldsV1. @throws Error where it is none */
export function parseFieldSet(fields: JsonObject): FieldSet {
  const set: FieldSet = {};
  const read = (node: JsonObject, path: PathElement[]): boolean => {
    if (path.length > MAX_DEPTH) throw new Error('exceeded max depth');
    let isLeaf = true;
    let member = false;
    for (const key of Object.keys(node)) {
      if (key === self) {
        member = true;
        continue;
      }
      const inner = node[key];
      const element = canonicalElement(key);
      if (element === undefined) continue;
      if (!isJsonObject(inner)) throw new Error(`expected an object at ${key}`);
      if (read(inner, [...path, element])) insertPath(set, [...path, element]);
      isLeaf = false;
    }
    return member || isLeaf;
  };
  read(fields, []);
  return sortSet(set);
}

/** Paths that are in the first, but not in the second. */
export function difference(set: FieldSet, other: FieldSet): FieldSet {
  return isEmptySet(other) ? set : (without(set, other, {root: true, recursive: false}) ?? emptySet);
}

/** Paths of the first that neither are in the second nor lie below a path of it. */
export function recursiveDifference(set: FieldSet, other: FieldSet): FieldSet {
  return isEmptySet(other) ? set : (without(set, other, {root: true, recursive: true}) ?? emptySet);
}

function without(set: FieldSet, other: FieldSet, how: {root: boolean; recursive: boolean}): FieldSet | undefined {
  const wasMember = !how.root && isMember(set);
  const member = wasMember && !isMember(other);
  const changes = new Map<PathElement, FieldSet | undefined>();
  for (const element in other) {
    const node = element === self ? undefined : below(set, element);
    if (node === undefined) continue;
    const removed = below(other, element)!;
    const all = how.recursive && isMember(removed);
    const kept = all ? undefined : without(node, removed, {root: false, recursive: how.recursive});
    if (kept !== node) changes.set(element, kept);
  }
  if (wasMember === member && changes.size === 0) return set;
  let children = 0;
  const rest: FieldSet = member ? {[self]: leaf} : {};
  for (const element in set) {
    if (element === self) continue;
    const kept = changes.has(element) ? changes.get(element) : below(set, element);
    if (kept === undefined) continue;
    rest[element] = kept;
    children++;
  }
  if (children > 0) return rest;
  return member ? leaf : undefined;
}

/** Paths that are in both. */
export function intersection(set: FieldSet, other: FieldSet): FieldSet {
  if (isEmptySet(set) || isEmptySet(other)) return emptySet;
  return common(set, other, true) ?? emptySet;
}

function common(set: FieldSet, other: FieldSet, root: boolean): FieldSet | undefined {
  const member = !root && isMember(set) && isMember(other);
  let children = 0;
  const both: FieldSet = member ? {[self]: leaf} : {};
  for (const element in set) {
    if (element === self) continue;
    const node = below(other, element);
    const kept = node && common(below(set, element)!, node, false);
    if (kept === undefined) continue;
    both[element] = kept;
    children++;
  }
  if (children > 0) return both;
  return member ? leaf : undefined;
}

/** Paths that are in any of the two. */
export function union(set: FieldSet, other: FieldSet): FieldSet {
  if (isEmptySet(other)) return set;
  if (isEmptySet(set)) return other;
  return joined(set, other, true);
}

function joined(set: FieldSet, other: FieldSet, root: boolean): FieldSet {
  if (set === other) return set;
  const member = !root && (isMember(set) || isMember(other));
  let changed = !root && member !== isMember(set);
  const left = elementsOf(set);
  const right = elementsOf(other);
  if (left.length === 0 && right.length === 0) return set;
  const all: FieldSet = member ? {[self]: leaf} : {};
  // A leaf that gets members below it is written in another way.
  if (left.length === 0) changed = true;
  for (let l = 0, r = 0; l < left.length || r < right.length; ) {
    let order = 0;
    if (l === left.length) order = 1;
    else if (r === right.length) order = -1;
    else order = compareElements(left[l]!, right[r]!);
    const element = order > 0 ? right[r]! : left[l]!;
    const own = below(set, element);
    const node = order === 0 ? joined(own!, below(other, element)!, false) : order < 0 ? own! : below(other, element)!;
    if (node !== own) changed = true;
    all[element] = node;
    if (order <= 0) l++;
    if (order >= 0) r++;
  }
  return changed ? all : set;
}

/** All paths: those of a level before those that are deeper. */
export function pathsOf(set: FieldSet): PathElement[][] {
  const paths: PathElement[][] = [];
  const visit = (node: FieldSet, prefix: readonly PathElement[]): void => {
    const elements = elementsOf(node);
    for (const element of elements) if (isMember(below(node, element)!)) paths.push([...prefix, element]);
    for (const element of elements) {
      const inner = below(node, element)!;
      if (hasChildren(inner)) visit(inner, [...prefix, element]);
    }
  };
  visit(set, []);
  return paths;
}

export function describePath(path: readonly PathElement[]): string {
  return path.map(describeElement).join('');
}

/** The set of one path of members, such as `metadata.labels`. */
export function fieldPathSet(...paths: string[]): FieldSet {
  const set: FieldSet = {};
  for (const path of paths)
    insertPath(
      set,
      path.split('.').map((name) => `f:${name}`),
    );
  return sortSet(set);
}

/** Maps the parts below the elements of a level; `at` says which of them are members themselves, and what becomes of them. */
export function mapNodes(
  set: FieldSet,
  change: (element: PathElement, node: FieldSet, member: boolean) => FieldSet,
): FieldSet {
  let changed = false;
  const result: FieldSet = Object.hasOwn(set, self) ? {[self]: leaf} : {};
  for (const element of elementsOf(set)) {
    const node = below(set, element)!;
    const next = change(element, node, isMember(node));
    if (next !== node) changed = true;
    result[element] = next;
  }
  return changed ? result : set;
}

/** The same part of a set, with the path that leads to it in the set. */
export function asMember(node: FieldSet): FieldSet {
  return isMember(node) ? node : {[self]: leaf, ...node};
}

/** A path alone. */
export const onlySelf: FieldSet = leaf;

/** Whether a part of a set is the path that leads to it, and nothing below. */
export function isOnlySelf(node: FieldSet): boolean {
  return !hasChildren(node);
}
