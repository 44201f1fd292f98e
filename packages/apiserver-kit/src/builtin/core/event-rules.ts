import type {Event} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import type {KubeObject} from '../../kube-object.ts';
import {labelKeyProblems} from '../../selectors/label-syntax.ts';
import type {BuiltinRules} from '../rules.ts';
import {eventTable} from '../tables/core-tables.ts';
import {asInvalid, immutable, sameJson} from '../validation/field-rules.ts';
import {eventOfCore, eventOfEvents} from './event-view.ts';

const objectFields = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

type CoreEvent = KubeObject & Event;

/** Events of the core group. Who writes them in the old way need say less. */
export const eventRules: BuiltinRules = {
  version: {
    table: eventTable,
    selectableFields: [
      ...objectFields.map((field) => `involvedObject.${field}`),
      'reason',
      'reportingComponent',
      'source',
      'type',
    ],
    selectableField: (object, path) => eventField(object as CoreEvent, path),
  },
  strategy: {
    allowCreateOnUpdate: true,
    validate: (object) => eventProblems(object as CoreEvent, 'reportingComponent'),
  },
};

/** Events of events.k8s.io: the same objects, with other names of their fields and stricter rules. */
export const eventsGroupRules: BuiltinRules = {
  view: {of: 'events', fromStored: eventOfEvents, toStored: eventOfCore},
  version: {
    table: {
      columns: eventTable.columns,
      cells: (object, now) => eventTable.cells(eventOfCore(object), now),
    },
    selectableFields: [...objectFields.map((field) => `regarding.${field}`), 'reason', 'reportingController', 'type'],
    selectableField(object, path) {
      const core = path.replace(/^regarding\./, 'involvedObject.').replace('reportingController', 'reportingComponent');
      return eventField(eventOfCore(object) as CoreEvent, core);
    },
  },
  strategy: {
    allowCreateOnUpdate: true,
    validate(object, old) {
      const event = eventOfCore(object) as CoreEvent;
      const errors = eventProblems(event, 'reportingController');
      return old === undefined
        ? [...errors, ...newEventProblems(event)]
        : [...errors, ...changeProblems(event, eventOfCore(old) as CoreEvent)];
    },
  },
};

function eventProblems(event: CoreEvent, controllerField: string): FieldError[] {
  const errors: FieldError[] = [];
  const own = event.metadata.namespace ?? '';
  const involved = event.involvedObject.namespace ?? '';
  const mismatch = (): FieldError =>
    fieldErrors.invalid('involvedObject.namespace', involved, 'does not match event.namespace');
  if (!event.eventTime) {
    // An object without a namespace has its events in `default`.
    if (involved === '' ? own !== '' && own !== 'default' : own !== involved) errors.push(mismatch());
    return errors;
  }
  if (involved === '' && own !== 'default' && own !== 'kube-system') errors.push(mismatch());
  const controller = event.reportingComponent ?? '';
  if (controller === '') errors.push(fieldErrors.required(controllerField));
  errors.push(...asInvalid(labelKeyProblems(controller), controller, controllerField));
  errors.push(...lengthProblems(event.reportingInstance, 'reportingInstance', 128));
  errors.push(...lengthProblems(event.action, 'action', 128));
  errors.push(...lengthProblems(event.reason, 'reason', 128));
  if ((event.message ?? '').length > 1024)
    errors.push(fieldErrors.invalid('message', '', 'can have at most 1024 characters'));
  return errors;
}

function lengthProblems(value: string | undefined, field: string, most: number): FieldError[] {
  if (!value) return [fieldErrors.required(field)];
  return value.length > most ? [fieldErrors.invalid(field, '', `can have at most ${most} characters`)] : [];
}

function newEventProblems(event: CoreEvent): FieldError[] {
  const errors = seriesProblems(event);
  if (!event.eventTime) errors.push(fieldErrors.required('eventTime'));
  if (event.type !== 'Normal' && event.type !== 'Warning')
    errors.push(fieldErrors.invalid('type', '', `has invalid value: ${event.type ?? ''}`));
  const unset: readonly [string, boolean][] = [
    ['firstTimestamp', !event.firstTimestamp],
    ['lastTimestamp', !event.lastTimestamp],
    ['count', !event.count],
    ['source', !event.source?.component && !event.source?.host],
  ];
  for (const [field, isUnset] of unset) if (!isUnset) errors.push(fieldErrors.invalid(field, '', 'needs to be unset'));
  return errors;
}

function seriesProblems({series}: Event): FieldError[] {
  if (!series) return [];
  return [
    ...((series.count ?? 0) < 2 ? [fieldErrors.invalid('series.count', '', 'should be at least 2')] : []),
    ...(series.lastObservedTime ? [] : [fieldErrors.required('series.lastObservedTime')]),
  ];
}

const fixed = [
  'involvedObject',
  'reason',
  'message',
  'source',
  'firstTimestamp',
  'lastTimestamp',
  'count',
  'type',
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
] as const;

function changeProblems(event: CoreEvent, old: CoreEvent): FieldError[] {
  return [
    ...(sameJson(event.series, old.series) ? [] : seriesProblems(event)),
    ...fixed.flatMap((field) =>
      immutable(event[field], old[field], field === 'reportingComponent' ? 'reportingController' : field),
    ),
  ];
}

function eventField(event: CoreEvent, path: string): string {
  switch (path) {
    case 'source':
      return event.source?.component || event.reportingComponent || '';
    case 'reason':
      return event.reason ?? '';
    case 'type':
      return event.type ?? '';
    case 'reportingComponent':
      return event.reportingComponent ?? '';
    default: {
      const value = Object.entries(event.involvedObject).find(([key]) => path === `involvedObject.${key}`)?.[1];
      return typeof value === 'string' ? value : '';
    }
  }
}
