import {goQuote} from '../errors/go-text.ts';
import {goTypeOf, goValue} from '../errors/go-value.ts';
import {isJsonObject, type JsonValue} from '../json/json-value.ts';
import {describeElement, fieldElement, itemElement, ListItemError, type PathElement} from './path-element.ts';
import {formOf, type ListType, type MapType, type ScalarType, type ValueType} from './value-type.ts';

/**
 * What keeps a value from being applied, in Kubernetes' words; undefined where it can be.
 *
 * @param options.repeated whether items of a list may be there more than once
 */
export function checkValue(type: ValueType, value: JsonValue, options: {repeated?: boolean} = {}): string | undefined {
  const errors: string[] = [];
  const path: string[] = [];
  const report = (message: string): void => {
    errors.push(path.length === 0 ? message : `${path.join('')}: ${message}`);
  };

  const visit = (valueType: ValueType, each: JsonValue): void => {
    const form = formOf(valueType, each);
    if (form === 'list' && valueType.list) visitList(valueType.list, each);
    else if (form !== 'scalar' && valueType.map) visitMap(valueType.map, each);
    else if (valueType.scalar) visitScalar(valueType.scalar, each);
  };

  const visitScalar = (scalar: ScalarType, each: JsonValue): void => {
    const message = each === null ? undefined : wrongScalar(scalar, each);
    if (message !== undefined) report(message);
  };

  const visitMap = (map: MapType, each: JsonValue): void => {
    if (each === null) return;
    if (!isJsonObject(each)) return report(`expected map, got ${describe(each)}`);
    for (const key of Object.keys(each)) {
      const inner = each[key];
      if (inner === undefined) continue;
      const memberType = map.typeOf(key);
      path.push(describeElement(fieldElement(key)));
      if (memberType) visit(memberType, inner);
      else report('field not declared in schema');
      path.pop();
      if (!memberType) return;
    }
  };

  const visitList = (list: ListType, each: JsonValue): void => {
    if (each === null) return;
    if (!Array.isArray(each)) return report(`expected list, got ${describe(each)}`);
    const seen = new Set<PathElement>();
    for (const [index, item] of each.entries()) {
      let element: PathElement;
      try {
        element = list.atomic ? `i:${index}` : itemElement(list, item);
      } catch (error) {
        if (!(error instanceof ListItemError)) throw error;
        return report(`element ${index}: ${error.message}`);
      }
      if (seen.has(element) && !options.repeated) report(`duplicate entries for key ${describeElement(element)}`);
      seen.add(element);
      path.push(describeElement(element));
      visit(list.element, item);
      path.pop();
    }
  };

  visit(type, value);
  if (errors.length < 2) return errors[0];
  return ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
}

function wrongScalar(scalar: ScalarType, value: JsonValue): string | undefined {
  switch (scalar) {
    case 'numeric':
      return typeof value === 'number' || typeof value === 'bigint'
        ? undefined
        : `expected numeric (int or float), got ${goTypeOf(value)}`;
    case 'string':
      return typeof value === 'string' ? undefined : `expected string, got ${describeWithType(value)}`;
    case 'boolean':
      return typeof value === 'boolean' ? undefined : `expected boolean, got ${describe(value)}`;
    case 'untyped':
      return typeof value === 'object' ? `expected any scalar, got ${describe(value)}` : undefined;
  }
}

function describeWithType(value: JsonValue): string {
  return `&value.valueUnstructured{Value:${goSyntax(value)}}`;
}

function goSyntax(value: JsonValue): string {
  if (typeof value === 'string') return goQuote(value);
  if (Array.isArray(value)) return `[]interface {}{${value.map(goSyntax).join(', ')}}`;
  if (value === null) return 'interface {}(nil)';
  if (!isJsonObject(value)) return String(value);
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${goQuote(key)}:${goSyntax(value[key] ?? null)}`);
  return `map[string]interface {}{${members.join(', ')}}`;
}

function describe(value: JsonValue): string {
  return `&{${goValue(value)}}`;
}
