import type {Event} from 'kubernetes-types/core/v1.js';
import {type FieldError, fieldErrors} from '../../errors/field-error.ts';
import type {KubeObject} from '../../kube-object.ts';
import {labelKeyProblems} from '../../selectors/label-syntax.ts';
import type {BuiltinRules} from '../rules.ts';
import {eventTable} from '../tables/core-tables.ts';
import {asInvalid} from '../validation/field-rules.ts';

const fields = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'source',
  'type',
];

/** Events. Who writes them in the old way need say less. */
export const eventRules: BuiltinRules = {
  version: {
    table: eventTable,
    selectableFields: fields,
    selectableField: (object, path) => eventField(object as KubeObject & Event, path),
  },
  strategy: {
    allowCreateOnUpdate: true,
    validate(object, old) {
      const event = object as KubeObject & Event;
      const errors = namespaceProblems(event);
      // Written by the new client of events: with a time of its own, and complete.
      if (!event.eventTime || old !== undefined) return errors;
      if (!event.reportingComponent) errors.push(fieldErrors.required('reportingController'));
      else
        errors.push(
          ...asInvalid(labelKeyProblems(event.reportingComponent), event.reportingComponent, 'reportingController'),
        );
      if (!event.reportingInstance) errors.push(fieldErrors.required('reportingInstance'));
      else if (event.reportingInstance.length > 128) errors.push(fieldErrors.tooLong('reportingInstance', 128));
      if (!event.action) errors.push(fieldErrors.required('action'));
      else if (event.action.length > 128) errors.push(fieldErrors.tooLong('action', 128));
      if (!event.reason) errors.push(fieldErrors.required('reason'));
      else if (event.reason.length > 128) errors.push(fieldErrors.tooLong('reason', 128));
      if ((event.message ?? '').length > 1024) errors.push(fieldErrors.tooLong('message', 1024));
      return errors;
    },
  },
};

function namespaceProblems({metadata, involvedObject}: Event): FieldError[] {
  const own = metadata.namespace ?? '';
  const involved = involvedObject.namespace ?? '';
  // An object without a namespace has its events in `default`.
  if (involved === '' ? own === 'default' || own === 'kube-system' || own !== '' : own === involved) return [];
  return [fieldErrors.invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
}

function eventField(event: Event, path: string): string {
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
