import type {KubeObject} from '../../kube-object.ts';
import type {TableColumn, TableLayout} from '../../registry/resource.ts';
import {ageCell} from './age.ts';

type Cell = string | number | boolean | null;

/** Marks the place of the age of the object among the cells. */
export const AGE: unique symbol = Symbol('age');

/**
 * Builds a layout.
 *
 * @param columns names with `:type` behind those that are not strings, and `*` in front of those of `-o wide`
 * @param cells of an object, without its name: that comes first
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a layout says of which kind it is
export function tableLayout<T>(
  columns: readonly string[],
  cells: (object: T, now: Date) => readonly (Cell | typeof AGE)[],
): TableLayout {
  return {
    columns: ['Name', ...columns].map(column),
    cells: (object, now) => [object.metadata.name ?? '', ...filled(object, cells(object as T, now), now)],
  };
}

/** The same without a name in front. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a layout says of which kind it is
export function bareLayout<T>(
  columns: readonly string[],
  cells: (object: T, now: Date) => readonly (Cell | typeof AGE)[],
): TableLayout {
  return {columns: columns.map(column), cells: (object, now) => filled(object, cells(object as T, now), now)};
}

function filled(object: KubeObject, cells: readonly (Cell | typeof AGE)[], now: Date): Cell[] {
  return cells.map((cell) => (cell === AGE ? ageCell(object.metadata.creationTimestamp, now) : cell));
}

function column(text: string): TableColumn {
  const wide = text.startsWith('*');
  const [name = '', type = 'string'] = text.slice(wide ? 1 : 0).split(':');
  return {name, type, ...(name === 'Name' && {format: 'name'}), priority: wide ? 1 : 0};
}

/** What stands where there is nothing. */
export const NONE = '<none>';

/** `a=b,c=d`. */
export function labelsCell(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? NONE : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

interface Selector {
  matchLabels?: Readonly<Record<string, string>>;
  matchExpressions?: readonly {key: string; operator: string; values?: readonly string[]}[];
}

/** A LabelSelector as one would write it on a command line. */
export function selectorText(selector: Selector | null | undefined): string {
  const parts = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({key, text: `${key}=${value}`}));
  for (const {key, operator, values = []} of selector?.matchExpressions ?? []) {
    const list = `(${values.toSorted().join(',')})`;
    const texts: Record<string, string> = {
      In: `${key} in ${list}`,
      NotIn: `${key} notin ${list}`,
      Exists: key,
      DoesNotExist: `!${key}`,
    };
    parts.push({key, text: texts[operator] ?? ''});
  }
  return parts
    .toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({text}) => text)
    .join(',');
}
