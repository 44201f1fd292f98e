import type {WatchEvent} from '../cache/resource-cache.ts';
import {statusErrors} from '../errors/status-error.ts';
import {encodeJson} from '../json/encode-json.ts';
import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';
import type {TableColumn, TableLayout} from '../registry/resource.ts';
import {bookmarkMetadata, toPartialObjectMetadata} from './partial-object-metadata.ts';
import {printerColumns} from './printer-columns.ts';

/** How much of its object a row of a Table brings along. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableOptions {
  /** Undefined: name and age. */
  layout: TableLayout | undefined;
  /** `meta.k8s.io/v1` or `meta.k8s.io/v1beta1`. */
  apiVersion: string;
  includeObject: IncludeObject;
  now: Date;
}

/**
 * The parameter `includeObject`.
 *
 * @throws StatusError 400
 */
export function parseIncludeObject(text: string | null): IncludeObject {
  switch (text) {
    case null:
    case '':
      return 'Metadata';
    case 'None':
    case 'Metadata':
    case 'Object':
      return text;
    default:
      throw statusErrors.badRequest(
        `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`,
      );
  }
}

const defaultLayout = printerColumns([]);

/**
 * A Table of objects.
 *
 * @param listMetadata `resourceVersion`, `continue`, `remainingItemCount` of the list
 * @see https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
 */
export function toTable(objects: readonly KubeObject[], listMetadata: JsonObject, options: TableOptions): JsonObject {
  return table(objects, listMetadata, options, columnDefinitions(options.layout ?? defaultLayout));
}

/** A Table with one row. */
export function toTableOfOne(object: KubeObject, options: TableOptions): JsonObject {
  return toTable([object], ownVersion(object), options);
}

/** Renders the events of one watch: each is a Table with one row, and only the first says what the columns are. */
export class TableWatch {
  readonly #options: Omit<TableOptions, 'now'>;
  #isFirst = true;

  constructor(options: Omit<TableOptions, 'now'>) {
    this.#options = options;
  }

  /** @param object of the event, with the apiVersion that is asked for; undefined of a bookmark */
  line(event: WatchEvent, object: KubeObject | undefined, now: Date): string {
    const columns = this.#isFirst ? columnDefinitions(this.#options.layout ?? defaultLayout) : null;
    this.#isFirst = false;
    const shown = object ?? {apiVersion: '', kind: '', metadata: bookmarkMetadata(event)};
    const row = table([shown], ownVersion(shown), {...this.#options, now}, columns);
    return `${encodeJson({type: event.type, object: row})}\n`;
  }
}

function table(
  objects: readonly KubeObject[],
  metadata: JsonObject,
  {layout = defaultLayout, apiVersion, includeObject, now}: TableOptions,
  columns: JsonObject[] | null,
): JsonObject {
  const rows = objects.map((object) => ({
    cells: layout.cells(object, now),
    object: included(object, includeObject, apiVersion),
  }));
  return {kind: 'Table', apiVersion, metadata, columnDefinitions: columns, rows};
}

function included(object: KubeObject, includeObject: IncludeObject, apiVersion: string): JsonObject | null {
  if (includeObject === 'None') return null;
  return includeObject === 'Object' ? object : toPartialObjectMetadata(object, apiVersion);
}

function ownVersion({metadata: {resourceVersion}}: KubeObject): JsonObject {
  return resourceVersion === undefined ? {} : {resourceVersion};
}

const definitions = new WeakMap<TableLayout, JsonObject[]>();

function columnDefinitions(layout: TableLayout): JsonObject[] {
  let columns = definitions.get(layout);
  if (columns === undefined) definitions.set(layout, (columns = layout.columns.map(definitionOf)));
  return columns;
}

function definitionOf({name, type, format = '', description = '', priority = 0}: TableColumn): JsonObject {
  return {name, type, format, description, priority};
}
