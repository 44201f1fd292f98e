import type {installDefinitions} from '@kruntimes/reconciler-kit/testing';

type Definition = Parameters<typeof installDefinitions>[1][number];

/** Widgets of interop.example.com/v1, which the clients of these suites work with. */
export const widgetDefinition: Definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {name: 'widgets.interop.example.com'},
  spec: {
    group: 'interop.example.com',
    scope: 'Namespaced',
    names: {plural: 'widgets', singular: 'widget', kind: 'Widget'},
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: 'object',
            properties: {spec: {type: 'object', properties: {size: {type: 'integer', minimum: 1}}}},
          },
        },
      },
    ],
  },
};
