import {type WatchEvent, type WatchEventKind, watchEventLine} from '../cache/watch-event.ts';
import {StatusError} from '../errors/status-error.ts';
import type {Encoding} from '../http/negotiation.ts';
import type {KubeObject} from '../kube-object.ts';
import type {ResourceVersion} from '../registry/resource.ts';
import {partialObjectMetadataLine} from '../table/partial-object-metadata.ts';
import {parseIncludeObject, TableWatch} from '../table/table.ts';

/** How the events of a watch are written. @throws StatusError 400, 406 */
export function watchLines(
  view: Encoding['view'],
  {table}: ResourceVersion,
  query: URLSearchParams,
): (kind: WatchEventKind) => (event: WatchEvent) => string {
  switch (view?.kind) {
    case undefined:
      return (kind) => (event) => watchEventLine(event, kind);
    case 'Table': {
      const options = {
        layout: table,
        apiVersion: view.apiVersion,
        includeObject: parseIncludeObject(query.get('includeObject')),
      };
      const tables = new TableWatch(options);
      return (kind) => (event) => tables.line(event, objectOf(event, kind), new Date());
    }
    case 'PartialObjectMetadata':
      return (kind) => (event) => partialObjectMetadataLine(event, objectOf(event, kind), view.apiVersion);
    case 'PartialObjectMetadataList':
      throw new StatusError(500, '', 'content is not a list');
  }
}

function objectOf({object}: WatchEvent, {apiVersion}: WatchEventKind): KubeObject | undefined {
  return object && {...object.object, apiVersion};
}
