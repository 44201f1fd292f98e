import {ageCell} from '../builtin/tables/age.ts';
import {goJson, goNumber} from '../errors/go-text.ts';
import type {JsonValue} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {TableColumn, TableLayout} from '../registry/resource.ts';
import {JsonPath} from './json-path.ts';

/** @see https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns */
export interface PrinterColumn {
  name: string;
  /** integer, number, string, boolean or date. */
  type: string;
  format?: string;
  description?: string;
  priority?: number;
  jsonPath: string;
}

type Cell = ReturnType<TableLayout['cells']>[number];

const AGE: PrinterColumn = {name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp'};

/** The table of a custom kind: the name, then its columns; AGE where it has none. */
export function printerColumns(columns: readonly PrinterColumn[] | undefined): TableLayout {
  const all = columns === undefined || columns.length === 0 ? [AGE] : columns;
  const readers = all.map(cellReader);
  return {
    columns: [{name: 'Name', type: 'string', format: 'name'}, ...all.map(toColumn)],
    cells: (object, now) => [object.metadata.name ?? '', ...readers.map((read) => read(object, now))],
  };
}

function toColumn({name, type, format, description, priority, jsonPath}: PrinterColumn): TableColumn {
  return {
    name,
    type,
    ...(format !== undefined && {format}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(priority !== undefined && {priority}),
  };
}

function cellReader({type, jsonPath}: PrinterColumn): (object: KubeObject, now: Date) => Cell {
  const path = parsePath(jsonPath);
  if (path === undefined) return () => null;
  return (object, now) => {
    const [value] = path.find(object);
    return value === undefined ? null : cellOf(value, type, now);
  };
}

/** What Kubernetes takes for a path and this does not understand leaves its column empty. */
function parsePath(text: string): JsonPath | undefined {
  try {
    return new JsonPath(text);
  } catch {
    return undefined;
  }
}

function cellOf(value: JsonValue, type: string, now: Date): Cell {
  switch (type) {
    case 'string':
      return textOf(value);
    case 'integer':
      return typeof value === 'number' || typeof value === 'bigint' ? Math.trunc(Number(value)) : null;
    case 'number':
      return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : null;
    case 'boolean':
      return typeof value === 'boolean' ? value : null;
    case 'date':
      return typeof value === 'string' ? dateCell(value, now) : null;
    default:
      return null;
  }
}

function textOf(value: JsonValue): string {
  if (value === null) return '<no value>';
  if (typeof value === 'object') return goJson(value);
  if (typeof value === 'number' || typeof value === 'bigint') return goNumber(value);
  return String(value);
}

const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|[+-]\d{2}:\d{2})$/;

function dateCell(text: string, now: Date): string {
  if (text === '') return ageCell(undefined, now);
  return TIMESTAMP.test(text) && !Number.isNaN(Date.parse(text)) ? ageCell(text, now) : '<invalid>';
}
