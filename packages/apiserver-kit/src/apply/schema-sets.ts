import {asMember, type FieldSet, isEmptySet, isOnlySelf, mapNodes, onlySelf} from './field-set.ts';
import type {PathElement} from './path-element.ts';
import type {MapType, ValueType} from './value-type.ts';

/** The set and the paths of the fields that lead to its paths: nobody owns a field of an object that has members of its own. */
export function withNamedFields(type: ValueType | undefined, set: FieldSet): FieldSet {
  return mapNodes(set, (element, node) => {
    const isField = element.startsWith('f:') && type?.map?.isField(element.slice(2));
    const whole = isOnlySelf(node) ? node : withNamedFields(typeBelow(type, element), node);
    return isField ? asMember(whole) : whole;
  });
}

function typeBelow(type: ValueType | undefined, element: PathElement): ValueType | undefined {
  if (element.startsWith('f:')) return type?.map?.typeOf(element.slice(2));
  return element.startsWith('k:') ? type?.list?.element : undefined;
}

/**
 * A set that was made before a schema said that something is owned as a whole: who owned a part of it owns it.
 *
 * @returns the same set where there is nothing to change
 */
export function reconcileWithSchema(type: ValueType, set: FieldSet): FieldSet {
  return isEmptySet(set) ? set : reconcile(type, set);
}

/** `set` has paths below itself, or is one alone. */
function reconcile(type: ValueType, set: FieldSet): FieldSet {
  const {map, list} = type;
  if (map) return untouched(map) ? set : reconcileMembers(map, set);
  if (type.scalar || !list) return set;
  if (list.atomic) return onlySelf;
  return mapNodes(set, (_, node) => reconcile(list.element, node));
}

function reconcileMembers(map: MapType, set: FieldSet): FieldSet {
  if (map.atomic) return onlySelf;
  return mapNodes(set, (element, node) => {
    const inner = element.startsWith('f:') ? map.typeOf(element.slice(2)) : map.typeOf('');
    return inner ? reconcile(inner, node) : node;
  });
}

/** Nothing is said of an object whose members may be anything. */
function untouched(map: MapType): boolean {
  return map.deduced;
}
