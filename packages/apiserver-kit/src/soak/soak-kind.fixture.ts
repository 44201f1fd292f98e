import type {JsonObject} from '../json/json-value.ts';
import type {KubeObject} from '../kube-object.ts';

/** A custom kind with a label and a selectable field that say the same. */
const group = 'soak.example.com';
export const apiVersion = `${group}/v1`;
export const namespaces = ['a', 'b', 'c', 'd'];
export const colors = ['red', 'green', 'blue'];

export const definition: JsonObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {name: `widgets.${group}`},
  spec: {
    group,
    scope: 'Namespaced',
    names: {plural: 'widgets', singular: 'widget', kind: 'Widget'},
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        selectableFields: [{jsonPath: '.spec.color'}],
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {
              spec: {type: 'object', properties: {color: {type: 'string'}, step: {type: 'string'}}},
            },
          },
        },
      },
    ],
  },
};

export interface Widget extends KubeObject {
  spec: {color: string; step: string};
}

/** `namespace/name` */
export function keyOf({metadata}: KubeObject): string {
  return `${metadata.namespace}/${metadata.name}`;
}

/** Of one object, or of all in a namespace, or of all. */
export function pathOf(key: string): string {
  const [namespace = '', name = ''] = key.split('/');
  const inNamespace = namespace === '' ? '' : `/namespaces/${namespace}`;
  return `/apis/${apiVersion}${inNamespace}/widgets${name === '' ? '' : `/${name}`}`;
}
