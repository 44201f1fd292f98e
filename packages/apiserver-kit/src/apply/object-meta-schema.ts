import type {Schema} from '../schema/schema.ts';

const text: Schema = {type: 'string'};
const time: Schema = {type: 'string', format: 'date-time'};
const texts: Schema = {type: 'object', additionalProperties: text};

/**
 * As far as it matters who owns what.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
 */
export const objectMetaSchema: Schema = {
  type: 'object',
  properties: {
    annotations: texts,
    creationTimestamp: time,
    deletionGracePeriodSeconds: {type: 'integer'},
    deletionTimestamp: time,
    finalizers: {type: 'array', items: text, 'x-kubernetes-list-type': 'set'},
    generateName: text,
    generation: {type: 'integer'},
    labels: texts,
    managedFields: {type: 'array', items: {type: 'object'}, 'x-kubernetes-list-type': 'atomic'},
    name: text,
    namespace: text,
    ownerReferences: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          apiVersion: text,
          blockOwnerDeletion: {type: 'boolean'},
          controller: {type: 'boolean'},
          kind: text,
          name: text,
          uid: {type: 'string', default: ''},
        },
        'x-kubernetes-map-type': 'atomic',
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
    },
    resourceVersion: text,
    selfLink: text,
    uid: text,
  },
};
