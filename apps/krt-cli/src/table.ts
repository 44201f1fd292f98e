import {displayWidth} from './display-width.ts';

/** A column of a `meta.k8s.io/v1 Table`, as the API server answers it. */
export interface TableColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  /** 0 is always shown; greater values only with `-o wide`. */
  priority?: number;
}

export interface TableRow {
  cells: unknown[];
  object?: {
    kind?: string;
    apiVersion?: string;
    metadata?: {name?: string; namespace?: string; resourceVersion?: string; labels?: Record<string, string>};
  };
}

export interface Table {
  kind: 'Table';
  metadata?: {resourceVersion?: string; continue?: string; remainingItemCount?: number};
  /** The server sends null where there are none, as in all but the first Table of a watch. */
  columnDefinitions: TableColumn[] | null;
  rows: TableRow[] | null;
}

export interface TablePrinterOptions {
  wide?: boolean;
  showNamespace?: boolean;
  showLabels?: boolean;
  noHeaders?: boolean;
}

/** kubectl's look: upper-case headers, at least 6 columns a cell, 3 spaces between, nothing after the last. */
const minimumWidth = 6;
const padding = 3;

/** Prints Tables one after the other below one header; remembers widths, so that a watch stays aligned. */
export class TablePrinter {
  readonly #options: TablePrinterOptions;
  #columns: TableColumn[] = [];
  #widths: number[] = [];
  #printedHeader = false;

  constructor(options: TablePrinterOptions = {}) {
    this.#options = options;
  }

  /** @returns whole lines, each ended by `\n`; `''` if there is nothing to print */
  format(table: Table): string {
    // A watch sends the columns with its first Table only.
    if (table.columnDefinitions?.length) this.#columns = table.columnDefinitions;
    const shown = this.#columns
      .map((column, index) => ({column, index}))
      .filter(({column}) => this.#options.wide || (column.priority ?? 0) === 0);
    const rows = table.rows ?? [];
    const lines: string[][] = [];
    if (!this.#printedHeader && !this.#options.noHeaders && rows.length > 0) {
      lines.push(
        this.#surround(
          shown.map(({column}) => column.name.toUpperCase()),
          'NAMESPACE',
          'LABELS',
        ),
      );
      this.#printedHeader = true;
    }
    for (const row of rows) {
      const cells = shown.map(({index}) => formatCell(row.cells[index]));
      lines.push(
        this.#surround(cells, row.object?.metadata?.namespace ?? '', formatLabels(row.object?.metadata?.labels)),
      );
    }
    return formatColumns(lines, this.#widths);
  }

  #surround(cells: string[], namespace: string, labels: string): string[] {
    return [
      ...(this.#options.showNamespace ? [namespace] : []),
      ...cells,
      ...(this.#options.showLabels ? [labels] : []),
    ];
  }
}

/**
 * Aligns cells in columns.
 * @param widths column widths so far, in terminal columns; grown in place
 */
export function formatColumns(lines: readonly (readonly string[])[], widths: number[] = []): string {
  for (const line of lines) {
    for (let i = 0; i < line.length - 1; i++) {
      widths[i] = Math.max(widths[i] ?? minimumWidth, displayWidth(line[i] ?? '') + padding);
    }
  }
  let text = '';
  for (const line of lines) {
    line.forEach((cell, i) => {
      text += i === line.length - 1 ? cell : cell + ' '.repeat((widths[i] ?? 0) - displayWidth(cell));
    });
    text += '\n';
  }
  return text;
}

/** One line of text without control characters: what a cluster stores must not drive the terminal. */
export function formatCell(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const end = text.search(/[\n\r\f]/);
  return escapeControls(end < 0 ? text : `${text.slice(0, end)}...`);
}

/** Makes control characters visible (`ESC` becomes `^[`). Newlines and tabs stay when `keepLines` is set. */
export function escapeControls(text: string, options: {keepLines?: boolean} = {}): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what this is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => {
    if (options.keepLines && (character === '\n' || character === '\t')) return character;
    const code = character.charCodeAt(0);
    return code < 0x20 ? `^${String.fromCharCode(code + 0x40)}` : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

function formatLabels(labels: Record<string, string> | undefined): string {
  const pairs = Object.entries(labels ?? {});
  if (pairs.length === 0) return '<none>';
  return pairs
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
}
