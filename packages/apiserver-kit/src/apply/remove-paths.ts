import {isJsonObject, type JsonObject, type JsonValue, setMember} from '../json/json-value.ts';
import {type FieldSet, hasElement, subsetBelow} from './field-set.ts';
import {fieldElement, itemElement} from './path-element.ts';
import {deducedType, formOf, type ListType, type MapType, type ValueType} from './value-type.ts';

/** The value without what is at these paths. What loses its last member or item becomes null, as in Kubernetes. @throws ListItemError */
export function removePaths(type: ValueType, value: JsonValue, set: FieldSet): JsonValue {
  const form = formOf(type, value);
  if (form === 'list' && type.list) return removeItems(type.list, value, set);
  if (form !== 'scalar' && type.map) return removeMembers(type.map, value, set);
  return value;
}

function removeMembers(type: MapType, value: JsonValue, set: FieldSet): JsonValue {
  if (type.atomic || !isJsonObject(value)) return null;
  const rest: JsonObject = {};
  for (const key of Object.keys(value)) {
    const inner = value[key];
    const element = fieldElement(key);
    if (inner === undefined || hasElement(set, element)) continue;
    const subset = subsetBelow(set, element);
    setMember(rest, key, subset ? removePaths(type.typeOf(key) ?? deducedType, inner, subset) : inner);
  }
  return Object.keys(rest).length > 0 ? rest : null;
}

function removeItems(type: ListType, value: JsonValue, set: FieldSet): JsonValue {
  if (type.atomic || !Array.isArray(value)) return null;
  const rest: JsonValue[] = [];
  for (const item of value) {
    const element = itemElement(type, item);
    if (hasElement(set, element)) continue;
    const subset = subsetBelow(set, element);
    rest.push(subset ? removePaths(type.element, item, subset) : item);
  }
  return rest.length > 0 ? rest : null;
}
