import type {JsonObject} from '../../json/json-value.ts';
import type {KubeObject} from '../../kube-object.ts';
import {shapeOf} from '../go-shape.ts';

/** Names of the same fields in the core group and in events.k8s.io. */
const names: readonly (readonly [core: string, events: string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];
const eventsShape = shapeOf('io.k8s.api.events.v1.Event');
const coreShape = shapeOf('io.k8s.api.core.v1.Event');
const toEvents = new Map(names);
const toCore = new Map(names.map(([core, events]) => [events, core]));

/** An Event of the core group as events.k8s.io shows it. */
export function eventOfEvents(object: KubeObject): KubeObject {
  return eventsShape(renamed(object, toEvents, 'events.k8s.io/v1')) as KubeObject;
}

/** An Event of events.k8s.io as the core group shows it, and as it is stored. */
export function eventOfCore(object: KubeObject): KubeObject {
  return coreShape(renamed(object, toCore, 'v1')) as KubeObject;
}

function renamed(object: KubeObject, to: ReadonlyMap<string, string>, apiVersion: string): KubeObject {
  const result: JsonObject = {};
  for (const [key, value] of Object.entries(object)) if (value !== undefined) result[to.get(key) ?? key] = value;
  return {...result, metadata: object.metadata, apiVersion, kind: 'Event'};
}
