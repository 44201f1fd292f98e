import {isJsonObject, type JsonValue} from '../json/json-value.ts';
import {type FieldSet, insertPath, sortSet} from './field-set.ts';
import {fieldElement, itemElement, type PathElement} from './path-element.ts';
import {deducedType, formOf, type ListType, type MapType, type ValueType} from './value-type.ts';

/**
 * The paths that somebody owns who applies this value: scalars, what is owned as a whole, items of lists, members that are no fields.
 *
 * @throws ListItemError
 */
export function ownedPaths(type: ValueType, value: JsonValue): FieldSet {
  const set: FieldSet = {};
  const path: PathElement[] = [];
  const insert = (): void => {
    if (path.length > 0) insertPath(set, path);
  };

  const visit = (valueType: ValueType, each: JsonValue): void => {
    const form = formOf(valueType, each);
    if (form === 'list' && valueType.list) visitList(valueType.list, each);
    else if (form !== 'scalar' && valueType.map) visitMap(valueType.map, each);
    else insert();
  };

  const visitMap = (map: MapType, each: JsonValue): void => {
    if (map.atomic) return insert();
    if (!isJsonObject(each)) return;
    for (const key of Object.keys(each)) {
      const inner = each[key];
      if (inner === undefined) continue;
      path.push(fieldElement(key));
      visit(map.typeOf(key) ?? deducedType, inner);
      const nothing = inner === null || (isJsonObject(inner) && Object.keys(inner).length === 0);
      if (nothing || !map.isField(key)) insert();
      path.pop();
    }
  };

  const visitList = (list: ListType, each: JsonValue): void => {
    if (list.atomic) return insert();
    if (!Array.isArray(each)) return;
    const items = each.map((item) => ({item, element: itemElement(list, item)}));
    const seen = new Set<PathElement>();
    const repeated = new Set<PathElement>();
    for (const {element} of items) {
      if (seen.has(element)) repeated.add(element);
      seen.add(element);
    }
    for (const {item, element} of items) {
      path.push(element);
      if (!repeated.has(element)) visit(list.element, item);
      insert();
      path.pop();
    }
  };

  visit(type, value);
  return sortSet(set);
}
